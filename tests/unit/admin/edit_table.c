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

static json_t *json_or_empty(const char *text)
{
    return edit_json(text ? text : "{}");
}

static struct px_edit make(const struct edit_row *row, const struct edit_extras *extras)
{
    return (struct px_edit){.rules = edit_json(row->rules),
                            .request = edit_json(row->request),
                            .file_rules = edit_json(row->file ? row->file : "[]"),
                            .notes = json_array(),
                            .unbound = json_or_empty(extras->unbound_before),
                            .modes = json_or_empty(extras->modes_before),
                            .addresses = edit_json(EDIT_ADDRESSES),
                            .shadowed = json_or_empty(extras->shadowed),
                            .closing = json_array(),
                            .revision = EDIT_REVISION,
                            .next_revision = EDIT_REVISION + 1,
                            .wall_ns = EDIT_WALL_S * 1000000000};
}

static void drop(struct px_edit *edit)
{
    json_decref(edit->rules);
    json_decref(edit->request);
    json_decref(edit->file_rules);
    json_decref(edit->notes);
    json_decref(edit->unbound);
    json_decref(edit->modes);
    json_decref(edit->addresses);
    json_decref(edit->shadowed);
    json_decref(edit->closing);
}

static void check_extras(const struct edit_row *row, const struct edit_extras *extras,
                         const struct px_edit *edit)
{
    edit_assert_json(row->what, edit->unbound, extras->unbound ? extras->unbound : "{}");
    edit_assert_json(row->what, edit->modes, extras->modes ? extras->modes : "{}");
    edit_assert_json(row->what, edit->closing, extras->closing ? extras->closing : "[]");
    assert_string_equal(edit->accepted, extras->accepted ? extras->accepted : "");
}

/* Allocation number i fails, for every i: the edit says -ENOMEM, or did without (a note). Never is
 * a half of it taken for the whole. */
static void check_without_memory(px_edit_fn *edit, const struct edit_row *row,
                                 const struct edit_extras *extras)
{
    for (int i = 0; i == 0 || has_failed; i++) {
        struct px_edit work = make(row, extras);
        int error;

        edit_fail_allocation(i);
        error = edit(&work);
        edit_end_failing();
        if (error == 0) {
            edit_assert_json(row->what, work.rules, row->after);
            check_extras(row, extras, &work);
        } else if (!has_failed || error != -ENOMEM) {
            assert_true(!row->after && error == -EINVAL);
        }
        drop(&work);
    }
}

void edit_check(px_edit_fn *edit, const struct edit_row *row)
{
    static const struct edit_extras none = {NULL};

    edit_check_extras(edit, row, &none);
}

void edit_check_extras(px_edit_fn *edit, const struct edit_row *row,
                       const struct edit_extras *extras)
{
    struct px_edit work = make(row, extras);
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
        check_extras(row, extras, &work);
        if (row->says ? !is_noted(work.notes, row->says) : json_array_size(work.notes) > 0) {
            char *text = json_dumps(work.notes, 0);

            print_error("%s\n", text);
            free(text);
            fail_msg("%s: notes", row->what);
        }
    }
    assert_true(json_equal(file, work.file_rules)); /* borrowed, and left alone */
    json_decref(file);
    drop(&work);
    check_without_memory(edit, row, extras);
}
