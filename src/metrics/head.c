/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1 request. */
#include "metrics/head.h"

#include <string.h>

#include "metrics/host.h"

#define BAD_REQUEST 400
#define CONTENT_TOO_LARGE 413
#define NOT_IMPLEMENTED 501

size_t head_find_end(const uint8_t *bytes, size_t len, size_t n_seen)
{
    size_t from = n_seen > 2 ? n_seen - 2 : 0; /* the end may have begun there */
    for (size_t at = from; at < len; at++) {
        const uint8_t *newline = memchr(bytes + at, '\n', len - at);
        if (!newline) {
            return 0;
        }
        at = (size_t)(newline - bytes);
        size_t next = at + 1 < len && bytes[at + 1] == '\r' ? at + 2 : at + 1;
        if (next < len && bytes[next] == '\n') {
            return next + 1;
        }
    }
    return 0;
}

/* ---- text ---- */

static bool text_is(struct head_text text, const char *expected)
{
    return text.len == strlen(expected) && memcmp(text.at, expected, text.len) == 0;
}

/* Takes what is before the first `end` off `text`, and `end` too. Returns false, and takes
 * nothing, where there is no `end`. */
static bool text_cut(struct head_text *text, char end, struct head_text *out)
{
    const char *found = text->len > 0 ? memchr(text->at, end, text->len) : NULL;
    if (!found) {
        return false;
    }
    *out = (struct head_text){.at = text->at, .len = (size_t)(found - text->at)};
    text->at += out->len + 1;
    text->len -= out->len + 1;
    return true;
}

/* Takes the next line off `text`, without what ends it. */
static bool text_cut_line(struct head_text *text, struct head_text *out)
{
    if (!text_cut(text, '\n', out)) {
        return false;
    }
    if (out->len > 0 && out->at[out->len - 1] == '\r') {
        out->len--;
    }
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static struct head_text text_trim(struct head_text text)
{
    while (text.len > 0 && is_blank(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.at[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* ---- the first line ---- */

static bool is_known_method(struct head_text method)
{
    static const char *const known[] = {"POST",  "PUT",     "DELETE", "OPTIONS",
                                        "TRACE", "CONNECT", "PATCH"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (text_is(method, known[i])) {
            return true;
        }
    }
    return false;
}

static int parse_method(struct head_text method, enum head_method *out)
{
    if (text_is(method, "GET")) {
        *out = HEAD_GET;
    } else if (text_is(method, "HEAD")) {
        *out = HEAD_HEAD;
    } else if (is_known_method(method)) {
        *out = HEAD_OTHER;
    } else {
        return NOT_IMPLEMENTED;
    }
    return 0;
}

/* A target is a path, or a URL with one. Others (`*`, host:port) have no path here. */
static void parse_target(struct head_text target, struct head *out)
{
    static const char scheme[] = "http://";
    const size_t scheme_len = sizeof scheme - 1;
    if (target.len >= scheme_len && memcmp(target.at, scheme, scheme_len) == 0) {
        const char *host = target.at + scheme_len, *end = target.at + target.len;
        const char *slash = memchr(host, '/', (size_t)(end - host));
        slash = slash ? slash : end;
        out->host = (struct head_text){.at = host, .len = (size_t)(slash - host)};
        target = (struct head_text){.at = slash, .len = (size_t)(end - slash)};
    }
    out->path = target;
    for (size_t i = 0; i < target.len; i++) {
        if (target.at[i] == '?' || target.at[i] == '#') {
            out->path.len = i;
            break;
        }
    }
}

static int parse_version(struct head_text version, unsigned *minor)
{
    static const char start[] = "HTTP/1.";
    const size_t start_len = sizeof start - 1;
    if (version.len != start_len + 1 || memcmp(version.at, start, start_len) != 0 ||
        version.at[start_len] < '0' || version.at[start_len] > '9') {
        return BAD_REQUEST;
    }
    *minor = (unsigned)(version.at[start_len] - '0');
    return 0;
}

static int parse_first_line(struct head_text line, struct head *out)
{
    struct head_text method, target;
    if (!text_cut(&line, ' ', &method) || !text_cut(&line, ' ', &target) || method.len == 0 ||
        target.len == 0 || parse_version(line, &out->minor) != 0) {
        return BAD_REQUEST;
    }
    parse_target(target, out);
    return parse_method(method, &out->method);
}

bool head_may_be_http(const uint8_t *bytes, size_t len)
{
    struct head_text text = {.at = (const char *)bytes, .len = len}, line;
    struct head head = {0};
    return !text_cut_line(&text, &line) || parse_first_line(line, &head) != BAD_REQUEST;
}

/* ---- the fields ---- */

/* What Content-Length says: 0 for no body, 413 for one, 400 for nonsense. */
static int parse_length(struct head_text value)
{
    int status = value.len > 0 ? 0 : BAD_REQUEST;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9') {
            return BAD_REQUEST;
        }
        status = value.at[i] != '0' ? CONTENT_TOO_LARGE : status;
    }
    return status;
}

static bool line_is_printable(struct head_text line)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char byte = (unsigned char)line.at[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_field_name(struct head_text name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (is_blank(name.at[i])) {
            return false;
        }
    }
    return name.len > 0;
}

/* Takes what matters from one field. Returns 0, 400 or 413. */
static int parse_field(struct head_text line, struct head_text *host)
{
    struct head_text name;
    if (!line_is_printable(line) || !text_cut(&line, ':', &name) || !is_field_name(name)) {
        return BAD_REQUEST;
    }
    struct head_text value = text_trim(line);
    if (host_text_is(name.at, name.len, "content-length")) {
        return parse_length(value);
    }
    if (host_text_is(name.at, name.len, "transfer-encoding")) {
        return CONTENT_TOO_LARGE;
    }
    if (host_text_is(name.at, name.len, "host")) {
        if (host->at) {
            return BAD_REQUEST;
        }
        *host = value;
    }
    return 0;
}

int head_parse(const uint8_t *bytes, size_t len, struct head *out)
{
    struct head_text text = {.at = (const char *)bytes, .len = len}, line, host = {0};
    bool has_body = false;
    *out = (struct head){.minor = 1};
    if (!text_cut_line(&text, &line)) {
        return BAD_REQUEST;
    }
    int status = parse_first_line(line, out);
    while (status != BAD_REQUEST && text_cut_line(&text, &line) && line.len > 0) {
        int field_status = parse_field(line, &host);
        if (field_status == BAD_REQUEST) {
            return BAD_REQUEST;
        }
        has_body = has_body || field_status == CONTENT_TOO_LARGE;
    }
    if (!out->host.at) {
        out->host = host;
    }
    return status == 0 && has_body ? CONTENT_TOO_LARGE : status;
}
