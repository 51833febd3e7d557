#include "cli/table.h"

#include "capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct cli_column columns[] = {{"NAME", false}, {"COUNT", true}, {"NOTE", false}};

static void expect(struct cli_table *table, bool colour, const char *expected)
{
    struct capture capture;

    capture_start(&capture);
    cli_table_print(table, capture.context.out, colour);
    assert_string_equal(capture_out(&capture), expected);
    capture_end(&capture);
    cli_table_free(table);
}

static void test_table_lines_up_left_and_right(void **state)
{
    struct cli_table *table = cli_table_new(columns, 3);

    (void)state;
    assert_true(cli_table_is_empty(table));
    cli_table_row(table);
    cli_table_cell(table, CLI_PLAIN, "blue");
    cli_table_cell(table, CLI_PLAIN, "%d", 9000);
    cli_table_cell(table, CLI_PLAIN, "first");
    cli_table_row(table);
    cli_table_cell(table, CLI_PLAIN, "a long name");
    cli_table_cell(table, CLI_PLAIN, "%d", 1);
    assert_false(cli_table_is_empty(table));
    expect(table, false,
           "NAME         COUNT  NOTE\n"
           "blue          9000  first\n"
           "a long name      1\n");
}

static void test_table_leaves_out_empty_columns(void **state)
{
    struct cli_table *table = cli_table_new(columns, 3);

    (void)state;
    cli_table_row(table);
    cli_table_cell(table, CLI_PLAIN, "x");
    cli_table_cell(table, CLI_PLAIN, "%s", "");
    cli_table_cell(table, CLI_PLAIN, "y");
    cli_table_row(table);
    expect(table, false, "NAME  NOTE\nx     y\n\n");
}

static void test_table_counts_characters_not_bytes(void **state)
{
    struct cli_table *table = cli_table_new(columns, 3);

    (void)state;
    cli_table_row(table);
    cli_table_cell(table, CLI_PLAIN, "grün");
    cli_table_cell(table, CLI_PLAIN, "±0.1%%");
    cli_table_row(table);
    cli_table_cell(table, CLI_PLAIN, "blau");
    cli_table_cell(table, CLI_PLAIN, "12.1%%");
    expect(table, false, "NAME  COUNT\ngrün  ±0.1%\nblau  12.1%\n");
}

static void test_table_colours_do_not_move_anything(void **state)
{
    struct cli_table *table = cli_table_new(columns, 3);

    (void)state;
    cli_table_row(table);
    cli_table_cell(table, CLI_BAD, "x");
    cli_table_cell(table, CLI_PLAIN, "1");
    expect(table, true,
           "\033[2mNAME\033[0m  \033[2mCOUNT\033[0m\n"
           "\033[31mx\033[0m         1\n");
}

static void test_table_cells_cannot_touch_the_screen(void **state)
{
    struct cli_table *table = cli_table_new(columns, 3);

    (void)state;
    cli_table_row(table);
    cli_table_cell(table, CLI_PLAIN, "a\033[2Jb\nc\td\x7f");
    expect(table, false, "NAME\na?[2Jb?c?d?\n");
}

static void test_table_counts_places_not_characters(void **state)
{
    struct cli_table *table = cli_table_new(columns, 3);

    (void)state;
    cli_table_row(table);
    cli_table_cell(table, CLI_PLAIN, "\xe4\xb8\xad\xe6\x96\x87"); /* two wide ones */
    cli_table_cell(table, CLI_PLAIN, "1");
    cli_table_row(table);
    cli_table_cell(table, CLI_PLAIN, "e\xcc\x81t\xc3\xa9"); /* one of them combined */
    cli_table_cell(table, CLI_PLAIN, "22");
    expect(table, false,
           "NAME  COUNT\n\xe4\xb8\xad\xe6\x96\x87      1\ne\xcc\x81t\xc3\xa9      22\n");
}

static void test_table_within_leaves_out_the_highest_rank_first(void **state)
{
    static const unsigned char ranks[] = {0, 1, 2};
    static const struct {
        size_t width;
        const char *text;
    } rows[] = {
        {17, "NAME  COUNT  NOTE\nx         1  abcd\n"},
        {16, "NAME  COUNT\nx         1\n"},
        {10, "NAME\nx\n"},
        {1, "NAME\nx\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cli_table *table = cli_table_new(columns, 3);
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);

        cli_table_row(table);
        cli_table_cell(table, CLI_PLAIN, "x");
        cli_table_cell(table, CLI_PLAIN, "1");
        cli_table_cell(table, CLI_PLAIN, "abcd");
        cli_table_print_within(table, out, false, rows[i].width, ranks);
        fclose(out);
        assert_string_equal(text, rows[i].text);
        free(text);
        cli_table_free(table);
    }
}

static void test_table_free_takes_nothing(void **state)
{
    (void)state;
    cli_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_lines_up_left_and_right),
        cmocka_unit_test(test_table_leaves_out_empty_columns),
        cmocka_unit_test(test_table_counts_characters_not_bytes),
        cmocka_unit_test(test_table_colours_do_not_move_anything),
        cmocka_unit_test(test_table_cells_cannot_touch_the_screen),
        cmocka_unit_test(test_table_counts_places_not_characters),
        cmocka_unit_test(test_table_within_leaves_out_the_highest_rank_first),
        cmocka_unit_test(test_table_free_takes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
