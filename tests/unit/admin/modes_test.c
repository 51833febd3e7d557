#include "proxy/admin/modes.h"

#include "lib/base/clock.h"
#include "tests/unit/admin/edit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BLUE "{'blue':['a:1','a:2','a:3']}"

static void test_modes_of_names(void **state)
{
    json_t *modes = edit_json("{'green':{'mode':'cut'},'blue/0':{'mode':'draining','until':'u'}}");

    (void)state;
    assert_int_equal(px_mode_of(modes, "green"), STRATEGY_CUT);
    assert_int_equal(px_mode_of(modes, "blue/0"), STRATEGY_DRAINING);
    assert_int_equal(px_mode_of(modes, "blue"), STRATEGY_ACTIVE);
    assert_int_equal(px_mode_of(modes, "blue/1"), STRATEGY_ACTIVE);
    assert_string_equal(px_mode_until(modes, "blue/0"), "u");
    assert_null(px_mode_until(modes, "green"));
    assert_null(px_mode_until(modes, "blue"));
    json_decref(modes);
}

static void test_modes_of_a_version_with_its_endpoints(void **state)
{
    static const struct {
        const char *modes;
        enum strategy_mode mode;
    } rows[] = {
        {"{}", STRATEGY_ACTIVE},
        {"{'blue/0':{'mode':'cut'},'blue/1':{'mode':'cut'}}", STRATEGY_ACTIVE},
        {"{'blue/0':{'mode':'cut'},'blue/1':{'mode':'cut'},'blue/2':{'mode':'cut'}}", STRATEGY_CUT},
        {"{'blue/0':{'mode':'cut'},'blue/1':{'mode':'draining'},'blue/2':{'mode':'cut'}}",
         STRATEGY_DRAINING},
        {"{'blue':{'mode':'draining'}}", STRATEGY_DRAINING},
        {"{'blue':{'mode':'cut'},'blue/0':{'mode':'draining'}}", STRATEGY_CUT},
    };
    json_t *addresses = edit_json(BLUE);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *modes = edit_json(rows[i].modes);

        if (px_mode_of_version(modes, addresses, "blue") != rows[i].mode)
            fail_msg("%s", rows[i].modes);
        assert_int_equal(px_mode_of_version(modes, addresses, "red"), STRATEGY_ACTIVE);
        json_decref(modes);
    }
    json_decref(addresses);
}

static void test_modes_of_a_record_that_make_no_sense_are_left_out(void **state)
{
    json_t *said =
        edit_json("{'a':{'mode':'cut'},'b':{'mode':'active'},'c':{'mode':'draining'},'d':7,'e':{},"
                  "'f':{'mode':'draining','until':'2026-09-21T14:13:50.000Z','timeout_ms':30000},"
                  "'g':{'mode':'draining','until':'soon','timeout_ms':30000},"
                  "'h':{'mode':'draining','until':'2026-09-21T14:13:50.000Z','timeout_ms':-1},"
                  "'i':{'mode':7}}");
    json_t *modes = px_modes_parse(said);

    (void)state;
    edit_assert_json("modes", modes,
                     "{'a':{'mode':'cut'},'f':{'mode':'draining',"
                     "'until':'2026-09-21T14:13:50.000Z','timeout_ms':30000}}");
    json_decref(modes);
    json_decref(said);
    modes = px_modes_parse(NULL);
    edit_assert_json("none", modes, "{}");
    json_decref(modes);
}

static void test_modes_go_with_the_addresses(void **state)
{
    static const struct {
        const char *what, *modes, *addresses, *after, *note;
    } rows[] = {
        {"nothing moved", "{'blue':{'mode':'cut'},'blue/1':{'mode':'cut','address':'a:2'}}", BLUE,
         "{'blue':{'mode':'cut'},'blue/1':{'mode':'cut','address':'a:2'}}", NULL},
        {"one in front of it", "{'blue/1':{'mode':'cut','address':'a:2'}}",
         "{'blue':['a:0','a:1','a:2']}", "{'blue/2':{'mode':'cut','address':'a:2'}}", NULL},
        {"they changed places",
         "{'blue/0':{'mode':'cut','address':'a:1'},"
         "'blue/1':{'mode':'draining','until':'u','address':'a:2'}}",
         "{'blue':['a:2','a:1']}",
         "{'blue/1':{'mode':'cut','address':'a:1'},"
         "'blue/0':{'mode':'draining','until':'u','address':'a:2'}}",
         NULL},
        {"another address in its place", "{'blue/1':{'mode':'cut','address':'a:2'}}",
         "{'blue':['a:1','a:9']}", "{'blue/1':{'mode':'cut','address':'a:9'}}",
         "blue/1, which is cut, has another address now and stays so"},
        {"fewer endpoints", "{'blue/1':{'mode':'cut','address':'a:2'}}", "{'blue':['a:1']}", "{}",
         "blue/1, which is cut, is gone"},
        {"no version", "{'blue':{'mode':'draining'},'blue/1':{'mode':'cut','address':'a:2'}}", "{}",
         "{}", "blue, which is draining, is gone"},
        {"an entry without an address", "{'blue/1':{'mode':'cut'}}", BLUE,
         "{'blue/1':{'mode':'cut','address':'a:2'}}", "blue/1, which is cut, has another address"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *modes = edit_json(rows[i].modes);
        json_t *addresses = edit_json(rows[i].addresses);
        json_t *notes = json_array();
        json_t *fitted = px_modes_fit(modes, addresses, notes);
        const char *note = json_string_value(json_array_get(notes, 0));

        edit_assert_json(rows[i].what, fitted, rows[i].after);
        edit_assert_json(rows[i].what, modes, rows[i].modes); /* left alone */
        if (rows[i].note ? !note || !strstr(note, rows[i].note) : note != NULL)
            fail_msg("%s: %s", rows[i].what, note ? note : "no note");
        json_decref(fitted);
        json_decref(notes);
        json_decref(addresses);
        json_decref(modes);
    }
}

static void test_modes_whose_time_ran_out_are_cut(void **state)
{
    json_t *modes =
        edit_json("{'a':{'mode':'cut'},"
                  "'b':{'mode':'draining','until':'2026-09-21T14:13:50.500Z','timeout_ms':30000},"
                  "'c':{'mode':'draining','until':'2026-09-21T14:13:50.501Z','timeout_ms':30000}}");
    uint64_t now;

    (void)state;
    assert_true(px_time_parse("2026-09-21T14:13:50.500Z", &now));
    assert_int_equal(px_modes_expire(modes, now - 1), 0);
    assert_int_equal(px_modes_expire(modes, now), 1);
    edit_assert_json("modes", modes,
                     "{'a':{'mode':'cut'},'b':{'mode':'cut'},'c':{'mode':'draining',"
                     "'until':'2026-09-21T14:13:50.501Z','timeout_ms':30000}}");
    json_decref(modes);
}

static void test_times_come_back(void **state)
{
    static const char *const bad[] = {"", "soon", "2026-09-21", "2026-09-21T14:13:50.x"};
    char text[TN_RFC3339_SIZE];
    uint64_t read;

    (void)state;
    for (uint64_t ms = 1790000000000; ms < 1790000000000 + 5000; ms += 7) {
        assert_true(px_time_parse(tn_clock_rfc3339(ms * 1000000, text), &read));
        assert_true(read == ms * 1000000);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(px_time_parse(bad[i], &read));
    assert_false(px_time_parse(NULL, &read));
}

static void test_modes_without_memory(void **state)
{
    json_t *said = edit_json("{'blue':{'mode':'cut'},'blue/1':{'mode':'cut','address':'a:2'}}");
    json_t *addresses = edit_json(BLUE);
    bool has_failed = true;

    (void)state;
    for (int i = 0; has_failed; i++) {
        json_t *notes = json_array();
        json_t *modes;
        json_t *fitted = NULL;

        edit_fail_allocation(i);
        modes = px_modes_parse(said);
        if (modes)
            fitted = px_modes_fit(modes, addresses, notes);
        has_failed = edit_end_failing();
        if (fitted)
            assert_true(json_equal(fitted, said)); /* all or nothing */
        assert_true(fitted || has_failed);
        json_decref(fitted);
        json_decref(modes);
        json_decref(notes);
    }
    json_decref(addresses);
    json_decref(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes_of_names),
        cmocka_unit_test(test_modes_of_a_version_with_its_endpoints),
        cmocka_unit_test(test_modes_of_a_record_that_make_no_sense_are_left_out),
        cmocka_unit_test(test_modes_go_with_the_addresses),
        cmocka_unit_test(test_modes_whose_time_ran_out_are_cut),
        cmocka_unit_test(test_times_come_back),
        cmocka_unit_test(test_modes_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
