/* SPDX-License-Identifier: Apache-2.0 */
/* What is answered over HTTP. */
#include "metrics/answer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "metrics/exposition.h"
#include "metrics/page.h"

#define HEAD_ROOM 1024 /* for the longest head */
#define PLAIN_TEXT "text/plain; charset=utf-8"
#define TEXT_POLICY "default-src 'none'; frame-ancestors 'none'"
#define DATE_SIZE 48 /* beyond any year */

static const char no_memory[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                "Connection: close\r\n"
                                "Content-Length: 0\r\n\r\n";

/* ---- bodies ---- */

void answer_init(struct answer *answer)
{
    *answer = (struct answer){.status = 200, .minor = 1, .policy = TEXT_POLICY, .has_body = true};
    document_init(&answer->body, HEAD_ROOM);
}

void answer_text(struct answer *answer, unsigned status, const char *text)
{
    answer->status = status;
    answer->type = PLAIN_TEXT;
    document_add_text(&answer->body, text);
}

static void answer_page(struct answer *answer, const struct overview *overview)
{
    (void)overview;
    answer->type = PAGE_CONTENT_TYPE;
    answer->policy = page_security_policy;
    document_add(&answer->body, page_html, page_html_len);
}

static void answer_metrics(struct answer *answer, const struct overview *overview)
{
    answer->type = EXPOSITION_CONTENT_TYPE;
    exposition_write(&answer->body, overview);
}

static void answer_health(struct answer *answer, const struct overview *overview)
{
    if (overview->is_draining) {
        answer_text(answer, 503, "a successor takes over\n");
    } else {
        answer_text(answer, 200, "ok\n");
    }
}

answer_maker *answer_find(const char *path, size_t len)
{
    static const struct {
        const char *path;
        answer_maker *make;
    } answers[] = {{"/", answer_page}, {"/metrics", answer_metrics}, {"/healthz", answer_health}};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (len == strlen(answers[i].path) && memcmp(path, answers[i].path, len) == 0) {
            return answers[i].make;
        }
    }
    return NULL;
}

static const char *status_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {{200, "OK"},
                   {400, "Bad Request"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {413, "Content Too Large"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"}};
    size_t i = 0;
    while (i + 1 < sizeof phrases / sizeof *phrases && phrases[i].status != status) {
        i++;
    }
    return phrases[i].phrase;
}

void answer_error(struct answer *answer, unsigned status)
{
    answer_text(answer, status, status_phrase(status));
    document_add_text(&answer->body, "\n");
}

/* ---- the head ---- */

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month] + (month == 1 && is_leap(year));
}

/* Writes a time as HTTP has it. Not with gmtime_r(3), which reads a file of time zones. */
static void format_date(int64_t unix_s, char text[DATE_SIZE])
{
    static const char weekdays[][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const int second = (int)(unix_s % 86400);
    int64_t days = unix_s / 86400;
    const char *weekday = weekdays[days % 7];
    int year = 1970, month = 0;

    for (int n; days >= (n = is_leap(year) ? 366 : 365); year++) {
        days -= n;
    }
    for (int n; days >= (n = days_of_month(year, month)); month++) {
        days -= n;
    }
    snprintf(text, DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT", weekday, (unsigned)days + 1,
             months[month], (unsigned)year, (unsigned)second / 3600, (unsigned)second / 60 % 60,
             (unsigned)second % 60);
}

static size_t write_head(const struct answer *answer, size_t body_len, int64_t unix_s,
                         char head[HEAD_ROOM])
{
    char date[DATE_SIZE];
    format_date(unix_s < 0 ? 0 : unix_s, date);
    int len = snprintf(head, HEAD_ROOM,
                       "HTTP/1.%d %u %s\r\n"
                       "Connection: close\r\n"
                       "Content-Type: %s\r\n"
                       "Content-Length: %zu\r\n"
                       "Cache-Control: no-store\r\n"
                       "Content-Security-Policy: %s\r\n"
                       "Referrer-Policy: no-referrer\r\n"
                       "X-Content-Type-Options: nosniff\r\n"
                       "Date: %s\r\n%s\r\n",
                       answer->minor > 0, answer->status, status_phrase(answer->status),
                       answer->type, body_len, answer->policy, date,
                       answer->status == 405 ? "Allow: GET, HEAD\r\n" : "");
    assert(len > 0 && len < HEAD_ROOM);
    return (size_t)len;
}

struct sheet *answer_finish(struct answer *answer, const struct overview *overview,
                            const uint8_t **reply, size_t *reply_len)
{
    char head[HEAD_ROOM];
    struct sheet *sheet = document_finish(&answer->body);
    if (!sheet) {
        answer->status = 503;
        *reply = (const uint8_t *)no_memory;
        *reply_len = sizeof no_memory - 1;
        return NULL;
    }
    size_t body_len = sheet->len - HEAD_ROOM;
    int64_t unix_s = (overview->now_ms + overview->daemon->clock_ms) / 1000;
    size_t head_len = write_head(answer, body_len, unix_s, head);
    uint8_t *start = sheet->bytes + HEAD_ROOM - head_len;
    memcpy(start, head, head_len);
    *reply = start;
    *reply_len = head_len + (answer->has_body ? body_len : 0);
    return sheet;
}
