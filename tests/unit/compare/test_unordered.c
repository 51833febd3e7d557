/* Arrays whose elements may come in any order. */
#include "tests/unit/compare/pair.h"

#include <stdio.h>

#define ANY "{unordered: [/items]}"

static void test_unordered_only_where_said(void **state)
{
    (void)state;
    assert_said("{}", "{\"items\":[1,2]}", "{\"items\":[2,1]}", "value /items/*");
    assert_said(ANY, "{\"items\":[1,2]}", "{\"items\":[2,1]}", "same");
    assert_said(ANY, "{\"items\":[1,2],\"x\":[1,2]}", "{\"items\":[2,1],\"x\":[2,1]}",
                "value /x/*");
    assert_said("{unordered: ['']}", "[1,2]", "[2,1]", "same");
    assert_said("{unordered: ['/**']}", "[[1,2],[3,4]]", "[[4,3],[2,1]]", "same");
}

static void test_unordered_counts_elements(void **state)
{
    (void)state;
    assert_said(ANY, "{\"items\":[1,1,2]}", "{\"items\":[2,1,2]}", "value /items/*");
    assert_said(ANY, "{\"items\":[1,2,3]}", "{\"items\":[3,1]}", "missing /items/*");
    assert_said(ANY, "{\"items\":[1]}", "{\"items\":[2,1]}", "added /items/*");
    assert_said(ANY, "{\"items\":[]}", "{\"items\":[]}", "same");
}

/* The element that changed is held against the one that it was. */
static void test_unordered_names_the_field_of_the_element(void **state)
{
    (void)state;
    assert_said(ANY,
                "{\"items\":[{\"id\":1,\"p\":5,\"n\":\"a\"},{\"id\":2,\"p\":6,\"n\":\"b\"},"
                "{\"id\":3,\"p\":7,\"n\":\"c\"}]}",
                "{\"items\":[{\"id\":3,\"p\":7,\"n\":\"c\"},{\"id\":1,\"p\":9,\"n\":\"a\"},"
                "{\"id\":2,\"p\":6,\"n\":\"b\"}]}",
                "value /items/*/p");
}

static void test_unordered_elements_are_compared_as_configured(void **state)
{
    const char *primary = "{\"items\":[{\"id\":1,\"p\":1.00,\"t\":\"10:00:00\",\"v\":1},"
                          "{\"id\":2,\"p\":2.00,\"t\":\"11:00:00\",\"v\":1}]}";
    const char *shadow = "{\"items\":[{\"id\":2,\"p\":2.01,\"t\":\"12:00:00\",\"v\":2},"
                         "{\"id\":1,\"p\":1.01,\"t\":\"13:00:00\",\"v\":2}]}";

    (void)state;
    assert_said("{unordered: [/items], ignore: ['/items/*/v'], normalize: [timestamps], tolerance: "
                "{'/items/*/p': 0.01}}",
                primary, shadow, "same");
    assert_said("{unordered: [/items], ignore: ['/items/*/v'], normalize: [timestamps]}", primary,
                shadow, "value /items/*/p");
    assert_said("{unordered: [/items], ignore: ['/items/*']}", primary, "{\"items\":[7]}", "same");
}

static void test_unordered_numbers_by_value_and_types_apart(void **state)
{
    (void)state;
    assert_said(ANY, "{\"items\":[1,2.5]}", "{\"items\":[2.5,1.0]}", "same");
    assert_said(ANY, "{\"items\":[1,\"1\"]}", "{\"items\":[\"1\",1]}", "same");
    assert_said(ANY, "{\"items\":[{\"a\":1,\"b\":2}]}", "{\"items\":[{\"a\":2,\"b\":1}]}",
                "value /items/*/a, value /items/*/b");
    assert_said(ANY, "{\"items\":[[],{},null,false,\"\"]}", "{\"items\":[\"\",false,null,{},[]]}",
                "same");
    assert_said(ANY, "{\"items\":[true]}", "{\"items\":[false]}", "value /items/*");
}

/* Too many to find who was whom: still a difference, and no more work than that. */
static void test_unordered_many_unequal_elements(void **state)
{
    char primary[20000] = "{\"items\":[";
    char shadow[20000] = "{\"items\":[";
    size_t one = strlen(primary);
    size_t two = strlen(shadow);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        one += (size_t)snprintf(primary + one, sizeof(primary) - one, "%s%d", i ? "," : "", i);
        two += (size_t)snprintf(shadow + two, sizeof(shadow) - two, "%s%d", i ? "," : "", i + 500);
    }
    (void)snprintf(primary + one, sizeof(primary) - one, "]}");
    (void)snprintf(shadow + two, sizeof(shadow) - two, "]}");
    assert_said(ANY, primary, shadow, "missing /items/*, added /items/*");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unordered_only_where_said),
        cmocka_unit_test(test_unordered_counts_elements),
        cmocka_unit_test(test_unordered_names_the_field_of_the_element),
        cmocka_unit_test(test_unordered_elements_are_compared_as_configured),
        cmocka_unit_test(test_unordered_numbers_by_value_and_types_apart),
        cmocka_unit_test(test_unordered_many_unequal_elements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
