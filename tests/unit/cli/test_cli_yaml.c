#include "cli/yaml.h"

#include "capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(const char *json_text, const char *expected)
{
    struct capture capture;
    json_t *json = capture_json(json_text);

    capture_start(&capture);
    cli_print_yaml(json, capture.context.out);
    assert_string_equal(capture_out(&capture), expected);
    capture_end(&capture);
    json_decref(json);
}

static void test_yaml_nests_maps_and_lists(void **state)
{
    (void)state;
    expect("{'rules':[{'name':'main','weights':{'blue':9,'green':1}},{'name':'b'}],'count':1}",
           "rules:\n"
           "  - name: main\n"
           "    weights:\n"
           "      blue: 9\n"
           "      green: 1\n"
           "  - name: b\n"
           "count: 1\n");
}

static void test_yaml_lists_in_lists_and_empty_ones(void **state)
{
    (void)state;
    expect("{'a':[[1,2],[]],'b':{},'c':[]}", "a:\n"
                                             "  - - 1\n"
                                             "    - 2\n"
                                             "  - []\n"
                                             "b: {}\n"
                                             "c: []\n");
}

static void test_yaml_quotes_what_could_be_something_else(void **state)
{
    (void)state;
    expect("['plain','a b','yes','No','null','1','0x1','','x: y','- z','#c','unix:./s','é',"
           "'a\\nb','127.0.0.1:80','a/b-c.d_e']",
           "- plain\n"
           "- \"a b\"\n"
           "- \"yes\"\n"
           "- \"No\"\n"
           "- \"null\"\n"
           "- \"1\"\n"
           "- \"0x1\"\n"
           "- \"\"\n"
           "- \"x: y\"\n"
           "- \"- z\"\n"
           "- \"#c\"\n"
           "- \"unix:./s\"\n"
           "- \"é\"\n"
           "- \"a\\nb\"\n"
           "- \"127.0.0.1:80\"\n"
           "- a/b-c.d_e\n");
}

static void test_yaml_scalars(void **state)
{
    (void)state;
    expect("{'t':true,'f':false,'n':null,'i':-5,'r':1.25,'1':'key'}",
           "t: true\nf: false\n\"n\": null\ni: -5\nr: 1.25\n\"1\": key\n");
    expect("'alone'", "alone\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml_nests_maps_and_lists),
        cmocka_unit_test(test_yaml_lists_in_lists_and_empty_ones),
        cmocka_unit_test(test_yaml_quotes_what_could_be_something_else),
        cmocka_unit_test(test_yaml_scalars),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
