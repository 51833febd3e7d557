/*
 * edit_table: tables of edits: rules before, what was asked, rules or words after.
 *
 * Shapes: JSON with ' for ". Errors fail the test and say which row.
 */
#ifndef TEST_EDIT_TABLE_H
#define TEST_EDIT_TABLE_H

#include "proxy/admin/edit.h"

struct edit_row {
    const char *what;  /* the row, in words */
    const char *rules; /* before */
    const char *file;  /* the file's rules; NULL: none */
    const char *request;
    const char *after; /* the rules; NULL: refused */
    const char *says;  /* a part of the refusal, or of one of the notes; NULL: no notes at all */
};

/* JSON with ' for "; a new reference. */
json_t *edit_json(const char *text);

/* Fails unless both are the same JSON. */
void edit_assert_json(const char *what, const json_t *found, const char *expected);

void edit_check(px_edit_fn *edit, const struct edit_row *row);

/* From here on jansson's allocation number n (from 0) fails, and all after it. */
void edit_fail_allocation(int n);
/* All succeed again. Whether one failed. */
bool edit_end_failing(void);

#endif
