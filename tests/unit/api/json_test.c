/* JSON when memory runs out: all of it, or none. */
#include "lib/api/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned countdown; /* 0: nothing fails */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool fails(void)
{
    return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

#define TEXT "{\"name\":\"main\",\"weights\":{\"blue\":3,\"green\":1},\"list\":[1,\"two\",null]}"

static json_t *parse(const char *text, bool *ret_no_memory)
{
    json_error_t error;

    return tn_json_parse(tn_str_of(text), &error, ret_no_memory);
}

/* As often as it takes until nothing fails: how often it failed. */
static unsigned exhaust(unsigned (*attempt)(void))
{
    unsigned failures = 0;

    for (unsigned number = 1; number < 1000; number++) {
        countdown = number;
        failures += attempt();
        if (countdown > 0)
            break;
    }
    countdown = 0;
    return failures;
}

static unsigned attempt_parse(void)
{
    bool is_no_memory;
    json_t *value = parse(TEXT, &is_no_memory);

    assert_true(value ? !is_no_memory : is_no_memory);
    json_decref(value);
    return is_no_memory;
}

static void test_json_no_memory_is_told_from_bad_json(void **state)
{
    bool is_no_memory;

    (void)state;
    assert_true(exhaust(attempt_parse) > 10);
    assert_null(parse("{\"a\":", &is_no_memory));
    assert_false(is_no_memory);
    assert_null(parse("{\"a\":1,\"a\":2}", &is_no_memory));
    assert_false(is_no_memory);
}

static json_t *the_value;

static unsigned attempt_text(void)
{
    char *text = tn_json_text(the_value, JSON_COMPACT);
    bool is_whole = text != NULL;
    unsigned left = countdown;

    countdown = 0;
    if (is_whole) {
        json_t *again = json_loads(text, 0, NULL);

        assert_non_null(again);
        assert_true(json_equal(again, the_value));
        json_decref(again);
    }
    free(text);
    countdown = left;
    return !is_whole;
}

static void test_json_text_is_whole_or_none(void **state)
{
    char key[16] = "key00";

    (void)state;
    the_value = json_loads(TEXT, 0, NULL);
    for (int i = 0; i < 100; i++) {
        key[3] = (char)('0' + i / 10);
        key[4] = (char)('0' + i % 10);
        json_object_set_new(the_value, key, json_string("a value of some length"));
    }
    assert_true(exhaust(attempt_text) > 3);
    json_decref(the_value);
}

static unsigned attempt_build(void)
{
    json_t *list = json_array();
    json_t *object = json_object();
    bool is_whole;

    for (int i = 0; i < 20; i++)
        tn_json_append(&list, json_integer(i));
    tn_json_set(&object, "list", list);
    tn_json_set(&object, "name", json_string("x"));
    is_whole = object != NULL;
    if (is_whole) {
        assert_int_equal(json_array_size(json_object_get(object, "list")), 20);
        assert_non_null(json_object_get(object, "name"));
    }
    json_decref(object);
    return !is_whole;
}

static void test_json_is_built_whole_or_not_at_all(void **state)
{
    (void)state;
    assert_true(exhaust(attempt_build) > 20);
}

static void test_json_string_takes_any_bytes(void **state)
{
    static const char *const texts[][2] = {
        {"main", "main"},
        {"b\xc3\xa4r \xf0\x9f\x9a\xa6", "b\xc3\xa4r \xf0\x9f\x9a\xa6"},
        {"cut \xf0\x9f\x9a", "cut ???"},
        {"\xc3\xa4 cut \xc3'", "\xc3\xa4 cut ?'"},
        {"\xff\x80", "??"},
        {"overlong \xc0\xaf \xe0\x80\xaf", "overlong ?? ???"},
        {"half \xed\xa0\x80", "half ???"},
        {"beyond \xf4\x90\x80\x80 \xf8", "beyond ???? ?"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_t *string = tn_json_string(texts[i][0]);

        assert_non_null(string);
        assert_string_equal(json_string_value(string), texts[i][1]);
        json_decref(string);
    }
}

static unsigned attempt_string(void)
{
    json_t *string = tn_json_string("cut \xf0\x9f\x9a");

    if (string)
        assert_string_equal(json_string_value(string), "cut ???");
    json_decref(string);
    return !string;
}

static void test_json_string_is_whole_or_none(void **state)
{
    (void)state;
    assert_true(exhaust(attempt_string) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_no_memory_is_told_from_bad_json),
        cmocka_unit_test(test_json_text_is_whole_or_none),
        cmocka_unit_test(test_json_is_built_whole_or_not_at_all),
        cmocka_unit_test(test_json_string_takes_any_bytes),
        cmocka_unit_test(test_json_string_is_whole_or_none),
    };

    tn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
