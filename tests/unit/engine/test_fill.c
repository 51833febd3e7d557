#include "engine/fill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct en_fill known = {
    .version = "green", .build = "2", .data = "/d/1", .index = 1, .port = 5102};

static void expect(const char *word, const char *filled)
{
    char *text = en_fill(word, &known);

    assert_string_equal(text, filled);
    free(text);
}

static void test_fill_knows_five_names(void **state)
{
    (void)state;
    expect("{port}", "5102");
    expect("--name={version}-{index}", "--name=green-1");
    expect("{data}/{build}{build}", "/d/1/22");
}

static void test_fill_leaves_other_braces(void **state)
{
    (void)state;
    expect("", "");
    expect("{", "{");
    expect("{}", "{}");
    expect("{{port}}", "{5102}");
    expect("{\"a\": {port}}", "{\"a\": 5102}");
    expect("{Port}", "{Port}");
    expect("{port", "{port");
}

static void test_fill_tells_what_it_does_not_know(void **state)
{
    (void)state;
    assert_null(en_fill_unknown(TN_STR("--a {port} {data} {x y} {} {A}")));
    assert_string_equal(en_fill_unknown(TN_STR("--a {port} {prot}!")), "{prot}!");
}

static void test_fill_fills_a_list(void **state)
{
    char first[] = "a{index}";
    char second[] = "b";
    char *words[] = {first, second, NULL};
    char **filled = en_fill_all(words, &known);

    (void)state;
    assert_string_equal(filled[0], "a1");
    assert_string_equal(filled[1], "b");
    assert_null(filled[2]);
    en_fill_free(filled);
    en_fill_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill_knows_five_names),
        cmocka_unit_test(test_fill_leaves_other_braces),
        cmocka_unit_test(test_fill_tells_what_it_does_not_know),
        cmocka_unit_test(test_fill_fills_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
