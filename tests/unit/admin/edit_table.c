#include "tests/unit/admin/edit_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

json_t *edit_json(const char *text)
{
    json_error_t error;
    char *copy = strdup(text);
    json_t *json;

    assert_non_null(copy);
    for (char *c = copy; *c; c++) {
        if (*c == '\'')
            *c = '"';
    }
    json = json_loads(copy, 0, &error);
    if (!json)
        fail_msg("%s: %s", error.text, text);
    free(copy);
    return json;
}

void edit_assert_json(const char *what, const json_t *found, const char *expected)
{
    json_t *wanted = edit_json(expected);

    if (!json_equal(found, wanted)) {
        char *text = json_dumps(found, 0);

        print_error("%s:\n  found    %s\n  expected %s\n", what, text, expected);
        free(text);
        fail();
    }
    json_decref(wanted);
}

static bool is_noted(const json_t *notes, const char *part)
{
    size_t i;
    json_t *note;

    json_array_foreach(notes, i, note)
    {
        if (strstr(json_string_value(note), part))
            return true;
    }
    return false;
}

/* --- memory that runs out ----------------------------------------------------------------------
 */

static int allocations_left; /* negative: all succeed */
static bool has_failed;

static void *fail_at_last(size_t size)
{
    if (allocations_left == 0) {
        has_failed = true;
        return NULL;
    }
    if (allocations_left > 0)
        allocations_left--;
    return malloc(size);
}

void edit_fail_allocation(int n)
{
    has_failed = false;
    allocations_left = n;
    json_set_alloc_funcs(fail_at_last, free);
}

bool edit_end_failing(void)
{
    json_set_alloc_funcs(malloc, free);
    return has_failed;
}

/* Allocation number i fails, for every i: the edit says -ENOMEM, or did without (a note). Never is
 * a half of it taken for the whole. */
static void check_without_memory(px_edit_fn *edit, const struct edit_row *row)
{
    for (int i = 0; i == 0 || has_failed; i++) {
        struct px_edit work = {.rules = edit_json(row->rules),
                               .request = edit_json(row->request),
                               .file_rules = edit_json(row->file ? row->file : "[]"),
                               .notes = json_array(),
                               .unbound = json_object(),
                               .revision = EDIT_REVISION,
                               .next_revision = EDIT_REVISION + 1};
        int error;

        edit_fail_allocation(i);
        error = edit(&work);
        edit_end_failing();
        if (error == 0)
            edit_assert_json(row->what, work.rules, row->after);
        else if (!has_failed || error != -ENOMEM)
            assert_true(!row->after && error == -EINVAL);
        json_decref(work.rules);
        json_decref(work.request);
        json_decref(work.file_rules);
        json_decref(work.notes);
        json_decref(work.unbound);
    }
}

static json_t *json_or_empty(const char *text)
{
    return edit_json(text ? text : "{}");
}

void edit_check(px_edit_fn *edit, const struct edit_row *row)
{
    static const struct edit_extras none = {NULL, NULL};

    edit_check_extras(edit, row, &none);
}

void edit_check_extras(px_edit_fn *edit, const struct edit_row *row,
                       const struct edit_extras *extras)
{
    struct px_edit work = {.rules = edit_json(row->rules),
                           .request = edit_json(row->request),
                           .file_rules = edit_json(row->file ? row->file : "[]"),
                           .notes = json_array(),
                           .unbound = json_or_empty(extras->unbound_before),
                           .revision = EDIT_REVISION,
                           .next_revision = EDIT_REVISION + 1};
    json_t *file = json_deep_copy(work.file_rules);
    int error = edit(&work);

    if (error && row->after)
        fail_msg("%s: refused: %s", row->what, work.detail);
    if (!error && !row->after)
        fail_msg("%s: was not refused", row->what);
    if (!row->after) {
        assert_int_equal(error, -EINVAL);
        if (!strstr(work.detail, row->says))
            fail_msg("%s: says '%s'", row->what, work.detail);
    } else {
        edit_assert_json(row->what, work.rules, row->after);
        if (row->says ? !is_noted(work.notes, row->says) : json_array_size(work.notes) > 0) {
            char *text = json_dumps(work.notes, 0);

            print_error("%s\n", text);
            free(text);
            fail_msg("%s: notes", row->what);
        }
    }
    if (row->after)
        edit_assert_json(row->what, work.unbound, extras->unbound ? extras->unbound : "{}");
    assert_true(json_equal(file, work.file_rules)); /* borrowed, and left alone */
    json_decref(file);
    json_decref(work.rules);
    json_decref(work.request);
    json_decref(work.file_rules);
    json_decref(work.notes);
    json_decref(work.unbound);
    check_without_memory(edit, row);
}
