-- SPDX-License-Identifier: Apache-2.0
-- Links between the documents of the tree, as links between the HTML files made of them.

local function made_of(path)
    if path:match("^%a[%w+.-]*:") then
        return path
    end
    path = path:gsub("README%.md$", "index.html")
    path = path:gsub("%.md$", ".html")
    return (path:gsub("(man/[%w-]+%.%d)$", "%1.html"))
end

function Link(link)
    local path, anchor = link.target:match("^([^#]*)(.*)$")
    link.target = made_of(path) .. anchor
    return link
end
