#include "proxy/admin/prom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_prom_family_and_samples(void **state)
{
    struct px_prom prom = {0};
    char *text;

    (void)state;
    px_prom_family(&prom, "x_total", "counter", "What it is.");
    px_prom_count(&prom, "", PX_PROM_BARE, UINT64_MAX);
    px_prom_count(&prom, "", PX_PROM_LABELS("a", "1", "b", "2"), 7);
    px_prom_family(&prom, "y_seconds", "histogram", "Another.");
    px_prom_count(&prom, "_bucket", PX_PROM_LABELS("le", "+Inf"), 3);
    px_prom_real(&prom, "_sum", PX_PROM_BARE, 0.25);
    text = px_prom_finish(&prom);
    assert_string_equal(text, "# HELP x_total What it is.\n"
                              "# TYPE x_total counter\n"
                              "x_total 18446744073709551615\n"
                              "x_total{a=\"1\",b=\"2\"} 7\n"
                              "# HELP y_seconds Another.\n"
                              "# TYPE y_seconds histogram\n"
                              "y_seconds_bucket{le=\"+Inf\"} 3\n"
                              "y_seconds_sum 0.25\n");
    free(text);
}

static void test_prom_values_are_escaped(void **state)
{
    struct px_prom prom = {0};
    char *text;

    (void)state;
    px_prom_family(&prom, "x", "gauge", "h");
    px_prom_count(&prom, "", PX_PROM_LABELS("a", "q\" b\\ n\n e\xc3\xa9"), 1);
    px_prom_count(&prom, "", PX_PROM_LABELS("a", NULL), 2);
    text = px_prom_finish(&prom);
    assert_non_null(strstr(text, "x{a=\"q\\\" b\\\\ n\\n e\xc3\xa9\"} 1\n"));
    assert_null(strchr(strstr(text, "x{"), 0x0d));
    free(text);
}

static void test_prom_reals_are_exact_enough(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0.1, "x 0.1\n"},
                {1.0 / 3, "x 0.333333333333333\n"},
                {1762154713.125, "x 1762154713.125\n"},
                {-3, "x -3\n"},
                {0, "x 0\n"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct px_prom prom = {.family = "x"};
        char *text;

        px_prom_real(&prom, "", PX_PROM_BARE, rows[i].value);
        text = px_prom_finish(&prom);
        assert_string_equal(text, rows[i].text);
        free(text);
    }
}

static void test_prom_long_text_grows(void **state)
{
    struct px_prom prom = {.family = "family_of_some_length"};
    char *text;

    (void)state;
    for (uint64_t i = 0; i < 20000; i++)
        px_prom_count(&prom, "", PX_PROM_LABELS("label", "value"), i);
    text = px_prom_finish(&prom);
    assert_true(strlen(text) > 800000);
    assert_non_null(strstr(text, "} 19999\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prom_family_and_samples),
        cmocka_unit_test(test_prom_values_are_escaped),
        cmocka_unit_test(test_prom_reals_are_exact_enough),
        cmocka_unit_test(test_prom_long_text_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
