/*
 * page: what a visitor sees, as HTML, JSON or one line of text. Pure.
 *
 * Not for header fields (reply.h). Shapes: see app_page_render.
 * Errors: none; an answer never outgrows APP_PAGE_SIZE with words of 255 bytes. Threads: any.
 */
#ifndef APP_PAGE_H
#define APP_PAGE_H

#include "app/faults.h"
#include "app/text.h"

#include <stdbool.h>
#include <stdint.h>

#define APP_PAGE_SIZE 24576

enum app_page_kind { APP_PAGE_TEXT, APP_PAGE_HTML, APP_PAGE_JSON };

/* Who answers, and the count if has_visits. */
struct app_identity {
    const char *version;
    const char *build;
    const char *name;
    bool has_visits;
    uint64_t visits;
};

/* From the value of an Accept field, or NULL: JSON or HTML, whichever has the higher q and then
 * comes first; text where neither is named. */
enum app_page_kind app_page_choose(const char *accept);

const char *app_page_content_type(enum app_page_kind kind);

/* The same identity with one field wrong, so that a comparison has something to find. */
struct app_identity app_page_spoil(struct app_identity identity, enum app_wrong_field field);

/*
 * JSON: {"version":"blue","build":"1","name":"app-blue-0","visits":7}
 * text: app-blue-0 (blue, build 1): 7 visits
 * HTML: a page in the version's colour. Without has_visits the count is left out.
 */
void app_page_render(enum app_page_kind kind, const struct app_identity *identity,
                     struct app_text *text);

/* The opening of the JSON object without its end, for answers with more fields. */
void app_page_add_identity(const struct app_identity *identity, struct app_text *text);

/* An SVG square in the version's colour, so that browser tabs can be told apart. */
void app_page_render_icon(const struct app_identity *identity, struct app_text *text);

#endif
