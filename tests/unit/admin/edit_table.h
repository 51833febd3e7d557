/*
 * edit_table: tables of edits: rules before, what was asked, rules or words after.
 *
 * Shapes: JSON with ' for ". Errors fail the test and say which row.
 */
#ifndef TEST_EDIT_TABLE_H
#define TEST_EDIT_TABLE_H

#include "proxy/admin/edit.h"

#define EDIT_REVISION 17          /* in force when an edit is checked */
#define EDIT_WALL_S 1790000000ULL /* 2026-09-21T14:13:20Z */
/* blue has two endpoints, green and red one each. */
#define EDIT_ADDRESSES                                                                             \
    "{'blue':['127.0.0.1:5001','127.0.0.1:5002'],'green':['127.0.0.1:5101'],"                      \
    "'red':['127.0.0.1:5201']}"

struct edit_row {
    const char *what;  /* the row, in words */
    const char *rules; /* before */
    const char *file;  /* the file's rules; NULL: none */
    const char *request;
    const char *after; /* the rules; NULL: refused */
    const char *says;  /* a part of the refusal, or of one of the notes; NULL: no notes at all */
};

/* What is not in the rules, before and after: JSON; NULL is {}. */
struct edit_extras {
    const char *unbound_before;
    const char *unbound;
    const char *modes_before;
    const char *modes;
    const char *shadowed; /* before; left alone */
    const char *closing;  /* after, a list; NULL: nobody */
    const char *accepted; /* after; NULL: nobody */
};

/* JSON with ' for "; a new reference. */
json_t *edit_json(const char *text);

/* Fails unless both are the same JSON. */
void edit_assert_json(const char *what, const json_t *found, const char *expected);

/* Nothing but the rules may change. */
void edit_check(px_edit_fn *edit, const struct edit_row *row);
void edit_check_extras(px_edit_fn *edit, const struct edit_row *row,
                       const struct edit_extras *extras);

/* From here on jansson's allocation number n (from 0) fails, and all after it. */
void edit_fail_allocation(int n);
/* All succeed again. Whether one failed. */
bool edit_end_failing(void);

#endif
