#include "app/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COLOUR_SIZE 40

/* Dark enough for white text (contrast above 4.5). */
static const struct {
    const char *version;
    const char *colour;
} colours[] = {{"blue", "#1d4ed8"},   {"green", "#15803d"},  {"red", "#b91c1c"},
               {"orange", "#b45309"}, {"yellow", "#854d0e"}, {"purple", "#7e22ce"},
               {"pink", "#be185d"},   {"teal", "#0f766e"},   {"grey", "#4b5563"}};

/* A version of another name gets a hue of its own, always the same. */
static const char *choose_colour(const char *version, char buffer[COLOUR_SIZE])
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
        if (strcasecmp(version, colours[i].version) == 0) {
            return colours[i].colour;
        }
    }
    for (; *version != '\0'; version++) {
        hash = (hash ^ (unsigned char)*version) * 16777619u;
    }
    (void)snprintf(buffer, COLOUR_SIZE, "hsl(%u, 60%%, 28%%)", hash % 360);
    return buffer;
}

/* The q of one element "type/subtype;q=0.5", 0 to 1000; 1000 when it does not say. */
static unsigned read_q(const char *element, size_t len)
{
    for (size_t i = 0; i + 2 < len; i++) {
        if (element[i] != ';') {
            continue;
        }
        size_t at = i + 1 + strspn(element + i + 1, " \t");
        if (at + 2 < len && (element[at] | 0x20) == 'q' && element[at + 1] == '=') {
            double q = strtod(element + at + 2, NULL);
            return q >= 0 && q <= 1 ? (unsigned)(q * 1000) : 0;
        }
    }
    return 1000;
}

static bool is_type(const char *element, size_t len, const char *type)
{
    size_t name_len = strcspn(element, "; \t,");
    return name_len <= len && name_len == strlen(type) && strncasecmp(element, type, name_len) == 0;
}

enum app_page_kind app_page_choose(const char *accept)
{
    enum app_page_kind kind = APP_PAGE_TEXT;
    unsigned best = 0;
    while (accept != NULL && *accept != '\0') {
        accept += strspn(accept, " \t,");
        size_t len = strcspn(accept, ",");
        unsigned q = read_q(accept, len);
        if (q > best && is_type(accept, len, "application/json")) {
            kind = APP_PAGE_JSON;
            best = q;
        } else if (q > best && is_type(accept, len, "text/html")) {
            kind = APP_PAGE_HTML;
            best = q;
        }
        accept += len;
    }
    return kind;
}

const char *app_page_content_type(enum app_page_kind kind)
{
    switch (kind) {
    case APP_PAGE_HTML:
        return "text/html; charset=utf-8";
    case APP_PAGE_JSON:
        return "application/json";
    case APP_PAGE_TEXT:
        break;
    }
    return "text/plain; charset=utf-8";
}

struct app_identity app_page_spoil(struct app_identity identity, enum app_wrong_field field)
{
    switch (field) {
    case APP_WRONG_VERSION:
        identity.version = "wrong";
        break;
    case APP_WRONG_BUILD:
        identity.build = "wrong";
        break;
    case APP_WRONG_NAME:
        identity.name = "wrong";
        break;
    case APP_WRONG_VISITS:
        identity.visits += 1000000;
        break;
    case APP_WRONG_NONE:
    case APP_WRONG_COUNT:
        break;
    }
    return identity;
}

void app_page_add_identity(const struct app_identity *identity, struct app_text *text)
{
    app_text_add(text, "{\"version\":");
    app_text_add_json(text, identity->version);
    app_text_add(text, ",\"build\":");
    app_text_add_json(text, identity->build);
    app_text_add(text, ",\"name\":");
    app_text_add_json(text, identity->name);
    if (identity->has_visits) {
        app_text_add(text, ",\"visits\":%" PRIu64, identity->visits);
    }
}

static void render_html(const struct app_identity *identity, struct app_text *text)
{
    char buffer[COLOUR_SIZE];
    app_text_add(text, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<link rel=\"icon\" type=\"image/svg+xml\" href=\"/favicon.ico\">\n<title>");
    app_text_add_html(text, identity->version);
    app_text_add(text, " (build ");
    app_text_add_html(text, identity->build);
    app_text_add(text,
                 ")</title>\n<style>\n"
                 "body { margin: 0; min-height: 100vh; display: grid; place-content: center;\n"
                 "  text-align: center; font: 1.25rem/1.5 system-ui, sans-serif;\n"
                 "  color: #fff; background: %s; }\n"
                 ".visits { font-size: 6rem; font-weight: 700; line-height: 1.1; }\n"
                 "dl { display: grid; grid-template-columns: auto auto; gap: 0 1rem; }\n"
                 "dt { text-align: right; } dd { margin: 0; text-align: left; "
                 "font-weight: 600; overflow-wrap: anywhere; }\n"
                 "</style>\n</head>\n<body>\n<main>\n",
                 choose_colour(identity->version, buffer));
    if (identity->has_visits) {
        app_text_add(text, "<div class=\"visits\">%" PRIu64 "</div>\n<div>%s</div>\n",
                     identity->visits, identity->visits == 1 ? "visit" : "visits");
    }
    app_text_add(text, "<dl>\n<dt>version</dt><dd>");
    app_text_add_html(text, identity->version);
    app_text_add(text, "</dd>\n<dt>build</dt><dd>");
    app_text_add_html(text, identity->build);
    app_text_add(text, "</dd>\n<dt>pod</dt><dd>");
    app_text_add_html(text, identity->name);
    app_text_add(text, "</dd>\n</dl>\n</main>\n</body>\n</html>\n");
}

void app_page_render(enum app_page_kind kind, const struct app_identity *identity,
                     struct app_text *text)
{
    if (kind == APP_PAGE_HTML) {
        render_html(identity, text);
        return;
    }
    if (kind == APP_PAGE_JSON) {
        app_page_add_identity(identity, text);
        app_text_add(text, "}\n");
        return;
    }
    app_text_add(text, "%s (%s, build %s)", identity->name, identity->version, identity->build);
    if (identity->has_visits) {
        app_text_add(text, ": %" PRIu64 " %s", identity->visits,
                     identity->visits == 1 ? "visit" : "visits");
    }
    app_text_add(text, "\n");
}

void app_page_render_icon(const struct app_identity *identity, struct app_text *text)
{
    char buffer[COLOUR_SIZE];
    app_text_add(text,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\">"
                 "<rect width=\"16\" height=\"16\" rx=\"4\" fill=\"%s\"/></svg>\n",
                 choose_colour(identity->version, buffer));
}
