/* JSON by field: what differs, where, and what the configuration makes of it. */
#include "tests/unit/compare/pair.h"

#include <stdio.h>
#include <stdlib.h>

static void test_fields_equal_documents_are_the_same(void **state)
{
    static const char *const pairs[][2] = {
        {"{}", "{ }"},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\n\"a\":1}"},
        {"{\"a\":1}", "{\"a\":1.0}"},
        {"[1e2]", "[100]"},
        {"{\"a\":\"\\u00e9\"}", "{\"a\":\"\xc3\xa9\"}"},
        {"[0]", "[-0.0]"},
        {"{\"a\":[null,true,{\"b\":[]}]}", "{\"a\" : [null, true, {\"b\" : [] }]}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_said("{}", pairs[i][0], pairs[i][1], "same");
}

static void test_fields_name_what_differs(void **state)
{
    (void)state;
    assert_said("{}", "{\"price\":1,\"id\":2}", "{\"price\":3,\"id\":2}", "value /price");
    assert_said("{}", "{\"a\":{\"b\":\"x\"}}", "{\"a\":{\"b\":\"y\"}}", "value /a/b");
    assert_said("{}", "{\"a\":true}", "{\"a\":false}", "value /a");
    assert_said("{}", "{\"a\":null}", "{\"a\":false}", "type /a");
    assert_said("{}", "{\"a\":1}", "{\"a\":\"1\"}", "type /a");
    assert_said("{}", "{\"a\":1}", "{}", "missing /a");
    assert_said("{}", "{}", "{\"a\":1}", "added /a");
    assert_said("{}", "{\"a\":1,\"b\":1}", "{\"a\":2,\"c\":1}", "value /a, missing /b, added /c");
    assert_said("{}", "[1,2]", "[1]", "length ");
    assert_said("{}", "[1,2]", "{}", "type ");
    assert_said("{}", "[9007199254740993]", "[9007199254740992]", "value /*");
    assert_said("{}", "[0.1]", "[0.10000001]", "value /*");
}

/* Ten thousand wrong prices are one field that differs. */
static void test_fields_of_arrays_are_one_field(void **state)
{
    (void)state;
    assert_said("{}", "{\"items\":[{\"price\":1},{\"price\":2}]}",
                "{\"items\":[{\"price\":3},{\"price\":4}]}", "value /items/*/price");
    assert_said("{}", "[[1,2],[3,4]]", "[[1,9],[9,4]]", "value /*/*");
}

static void test_fields_keys_are_escaped_as_pointers_are(void **state)
{
    (void)state;
    assert_said("{}", "{\"a/b~c\":1}", "{\"a/b~c\":2}", "value /a~1b~0c");
    assert_said("{}", "{\"\":1}", "{\"\":2}", "value /");
}

static void test_fields_long_paths_end_in_an_ellipsis(void **state)
{
    char primary[600];
    char shadow[600];
    char key[301];
    const char *said;

    (void)state;
    for (int i = 0; i < 300; i += 2)
        memcpy(key + i, "\xc3\xa9", 2);
    key[300] = '\0';
    (void)snprintf(primary, sizeof(primary), "{\"%s\":1}", key);
    (void)snprintf(shadow, sizeof(shadow), "{\"%s\":2}", key);
    said = pair_said("{}", primary, shadow);
    assert_true(strlen(said) < PX_COMPARE_PATH_BYTES + 10);
    assert_string_equal(said + strlen(said) - 5, "\xc3\xa9\xe2\x80\xa6"); /* whole characters */
}

static void test_fields_ignored_are_not_compared(void **state)
{
    const char *primary = "{\"id\":1,\"user\":{\"seen\":1,\"name\":\"x\"},\"items\":[{\"t\":1}]}";
    const char *shadow = "{\"id\":2,\"user\":{\"seen\":2,\"name\":\"x\"},\"items\":[{\"t\":2}]}";

    (void)state;
    assert_said("{}", primary, shadow, "value /id, value /user/seen, value /items/*/t");
    assert_said("{ignore: [/id, /user/seen, '/items/*/t']}", primary, shadow, "same");
    assert_said("{ignore: [/id, /user, /items]}", primary, shadow, "same"); /* all below, too */
    assert_said("{ignore: ['/**/seen', '/**/t', '/id']}", primary, shadow, "same");
    assert_said("{ignore: ['/items/0/t', '/*/seen']}", primary, shadow, "value /id");
    assert_said("{ignore: ['/items/1/t', '/*/*/*']}", primary, shadow,
                "value /id, value /user/seen");
    assert_said("{ignore: ['']}", primary, shadow, "same");
    assert_said("{ignore: ['/**']}", primary, shadow, "same");
    assert_said("{ignore: [/i]}", primary, "{}", "missing /id, missing /user, missing /items");
    assert_said("{ignore: [/id, /user, /items]}", primary, "{}", "same");
    assert_said("{ignore: [/id]}", "{}", "{\"id\":1,\"x\":2}", "added /x");
    assert_said("{ignore: [/a~1b, /c~0d]}", "{\"a/b\":1,\"c~d\":1}", "{\"a/b\":2,\"c~d\":2}",
                "same");
}

static void test_fields_within_tolerance_are_equal(void **state)
{
    (void)state;
    assert_said("{tolerance: {/price: 0.01}}", "{\"price\":10.00}", "{\"price\":10.01}", "same");
    assert_said("{tolerance: {/price: 0.01}}", "{\"price\":10}", "{\"price\":9.99}", "same");
    assert_said("{tolerance: {/price: 0.01}}", "{\"price\":10}", "{\"price\":10.02}",
                "value /price");
    assert_said("{tolerance: {/price: 0.01}}", "{\"other\":10}", "{\"other\":10.01}",
                "value /other");
    assert_said("{tolerance: {/price: 0.01}}", "{\"price\":10}", "{\"price\":\"10\"}",
                "type /price");
    assert_said("{tolerance: {/n: 5%}}", "{\"n\":-200}", "{\"n\":-190}", "same");
    assert_said("{tolerance: {/n: 5%}}", "{\"n\":200}", "{\"n\":211}", "value /n");
    assert_said("{tolerance: {'/items/*/p': 1, '/**/q': 2}}", "{\"items\":[{\"p\":1,\"q\":1}]}",
                "{\"items\":[{\"p\":2,\"q\":3}]}", "same");
}

static void test_fields_normalized_are_compared_without_what_changes(void **state)
{
    (void)state;
    assert_said("{normalize: [timestamps]}",
                "[\"at 2026-11-03T07:48:00Z\", \"Tue, 03 Nov 2026 07:48:00 GMT\", \"07:48:00.5\", "
                "\"2026-11-03 07:48:00.123456+01:00\", \"2026-11-03\"]",
                "[\"at 2026-11-03T07:49:01.5Z\", \"Wed, 04 Nov 2026 09:48:00 GMT\", "
                "\"17:48:00\", \"2027-01-02 01:02:03\", \"2027-01-02\"]",
                "same");
    assert_said("{normalize: [timestamps]}", "[\"at 2026-11-03T07:48:00Z\"]", "[\"at noon\"]",
                "value /*");
    assert_said("{normalize: [uuids]}", "{\"a\":\"x-0b0b0b0b-1111-2222-3333-444444444444\"}",
                "{\"a\":\"x-ffffffff-1111-2222-3333-AAAAAAAAAAAA\"}", "same");
    assert_said("{normalize: [hex]}", "[\"id 00112233445566778899aabb\"]",
                "[\"id ffeeddccbbaa9988776655\"]", "same");
    assert_said("{normalize: [hex]}", "[\"id 0011\"]", "[\"id ffee\"]", "value /*");
    assert_said("{normalize: [numbers]}", "[\"took 12 ms of 1.5\"]", "[\"took 7 ms of 2\"]",
                "same");
    assert_said("{normalize: [numbers]}", "[1]", "[2]", "value /*"); /* texts only */
    assert_said("{normalize: [{regex: 'sess-[a-z]+', replace: S}]}", "[\"sess-abc!\"]",
                "[\"sess-xyz!\"]", "same");
    assert_said("{normalize: [{regex: 'sess-[a-z]+', replace: S}]}", "[\"sess-abc!\"]",
                "[\"sess-xyz?\"]", "value /*");
    assert_said("{normalize: [{regex: '[0-9]+'}]}", "[\"a1b\"]", "[\"ab\"]", "same");
    /* one after the other */
    assert_said("{normalize: [{regex: a, replace: b}, {regex: 'b+', replace: c}]}", "[\"aab\"]",
                "[\"bbbb\"]", "same");
}

/* What nobody could wait for is left as it is. */
static void test_fields_expressions_without_end_are_cut_off(void **state)
{
    char primary[3000];
    char shadow[3000];

    (void)state;
    memset(primary, 'a', sizeof(primary));
    memcpy(primary, "[\"", 2);
    memcpy(primary + sizeof(primary) - 4, "!\"]", 4);
    memcpy(shadow, primary, sizeof(primary));
    shadow[100] = 'b';
    assert_said("{normalize: [{regex: '(a+)+$', replace: x}]}", primary, shadow, "value /*");
    /* nothing, everywhere: more than there is room for */
    assert_said("{normalize: [{regex: '', replace: "
                "0123456789012345678901234567890123456789012345678901234567890123}]}",
                primary, shadow, "value /*");
}

static void test_fields_more_than_are_told(void **state)
{
    char primary[2000] = "{";
    char shadow[2000] = "{";
    size_t one = 1;
    size_t two = 1;
    const char *said;

    (void)state;
    for (int i = 0; i < 60; i++) {
        one += (size_t)snprintf(primary + one, sizeof(primary) - one, "%s\"k%d\":1",
                                i == 0 ? "" : ",", i);
        two += (size_t)snprintf(shadow + two, sizeof(shadow) - two, "%s\"k%d\":2",
                                i == 0 ? "" : ",", i);
    }
    (void)snprintf(primary + one, sizeof(primary) - one, "}");
    (void)snprintf(shadow + two, sizeof(shadow) - two, "}");
    said = pair_said("{}", primary, shadow);
    assert_non_null(strstr(said, "value /k0, value /k1, "));
    assert_string_equal(said + strlen(said) - 9, " and more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_equal_documents_are_the_same),
        cmocka_unit_test(test_fields_name_what_differs),
        cmocka_unit_test(test_fields_of_arrays_are_one_field),
        cmocka_unit_test(test_fields_keys_are_escaped_as_pointers_are),
        cmocka_unit_test(test_fields_long_paths_end_in_an_ellipsis),
        cmocka_unit_test(test_fields_ignored_are_not_compared),
        cmocka_unit_test(test_fields_within_tolerance_are_equal),
        cmocka_unit_test(test_fields_normalized_are_compared_without_what_changes),
        cmocka_unit_test(test_fields_expressions_without_end_are_cut_off),
        cmocka_unit_test(test_fields_more_than_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
