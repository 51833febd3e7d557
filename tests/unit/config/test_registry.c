#include "tests/unit/config/helper.h"

#include "proxy/config/registry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static int new_registry(void **state)
{
    struct px_registry *registry;
    assert_int_equal(px_registry_new(NULL, &registry), 0);
    *state = registry;
    return 0;
}

static int free_registry(void **state)
{
    px_registry_free(*state);
    return 0;
}

static struct px_endpoint *take(struct px_registry *registry, const char *version, uint32_t index,
                                uint16_t port)
{
    char text[32];
    struct px_address address = {.text = text};
    struct sockaddr_in *v4 = (void *)&address.sa;
    struct px_endpoint *endpoint;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(text, sizeof(text), "127.0.0.1:%u", port);
    int r = px_registry_take_endpoint(registry, version, index, &address, NULL, &endpoint);
    assert_true(r == 0 || r == -E2BIG);
    return r == 0 ? endpoint : NULL;
}

static void test_registry_an_endpoint_is_kept_while_used(void **state)
{
    struct px_endpoint *first = take(*state, "blue", 0, 5001);
    assert_string_equal(first->label, "blue/0");
    assert_string_equal(first->address.text, "127.0.0.1:5001");
    assert_int_equal(first->index, 0);
    assert_false(first->up);
    assert_false(first->probed);
    assert_int_equal(first->mode, STRATEGY_ACTIVE);
    assert_ptr_equal(take(*state, "blue", 0, 5001), first);
    px_registry_give_endpoint(*state, first);
    assert_int_equal(px_registry_endpoint_count(*state), 1);
    assert_ptr_equal(px_registry_endpoint(*state, 0), first);
    px_registry_give_endpoint(*state, first);
    assert_int_equal(px_registry_endpoint_count(*state), 0);
    assert_null(px_registry_endpoint(*state, 0));
}

static void test_registry_another_version_is_another_endpoint(void **state)
{
    struct px_endpoint *blue = take(*state, "blue", 0, 5001);
    blue->up = true;
    struct px_endpoint *green = take(*state, "green", 0, 5001);
    struct px_endpoint *longer = take(*state, "blue-2", 0, 5001);
    assert_ptr_not_equal(blue, green);
    assert_int_not_equal(blue->slot, green->slot);
    assert_int_not_equal(blue->id, green->id);
    assert_false(green->up);
    assert_false(longer->up); /* its name only starts like blue's */
    px_registry_give_endpoint(*state, blue);
    px_registry_give_endpoint(*state, green);
    px_registry_give_endpoint(*state, longer);
}

static void test_registry_a_moved_endpoint_keeps_health_and_mode(void **state)
{
    struct px_endpoint *before = take(*state, "blue", 1, 5002);
    before->up = true;
    before->probed = true;
    before->mode = STRATEGY_DRAINING;
    before->in_flight = 5;
    struct px_endpoint *after = take(*state, "blue", 0, 5002);
    assert_ptr_not_equal(before, after); /* loops still read label and index of the old one */
    assert_string_equal(after->label, "blue/0");
    assert_true(after->up);
    assert_true(after->probed);
    assert_int_equal(after->mode, STRATEGY_DRAINING);
    assert_int_equal(after->in_flight, 0); /* what is open, is open on the old one */
    px_registry_give_endpoint(*state, before);
    px_registry_give_endpoint(*state, after);
}

static void test_registry_a_slot_rests_before_it_is_used_again(void **state)
{
    struct px_endpoint *first = take(*state, "blue", 0, 5001);
    uint32_t slot = first->slot;
    px_registry_give_endpoint(*state, first);
    for (uint32_t i = 0; i < PX_ENDPOINTS_MAX - 1; i++) {
        struct px_endpoint *other = take(*state, "blue", 0, 5002);
        assert_int_not_equal(other->slot, slot);
        px_registry_give_endpoint(*state, other);
    }
    struct px_endpoint *last = take(*state, "blue", 0, 5003);
    assert_int_equal(last->slot, slot);
    px_registry_give_endpoint(*state, last);
}

static void test_registry_slots_are_all_used_and_bounded(void **state)
{
    static struct px_endpoint *all[PX_ENDPOINTS_MAX];
    static bool is_seen[PX_ENDPOINTS_MAX];
    for (uint32_t i = 0; i < PX_ENDPOINTS_MAX; i++) {
        all[i] = take(*state, "blue", i, (uint16_t)(10000 + i));
        assert_true(all[i]->slot < PX_ENDPOINTS_MAX && !is_seen[all[i]->slot]);
        is_seen[all[i]->slot] = true;
    }
    assert_null(take(*state, "blue", 0, 9999));
    px_registry_give_endpoint(*state, all[500]);
    all[500] = take(*state, "green", 0, 9999);
    assert_non_null(all[500]);
    for (uint32_t i = 0; i < PX_ENDPOINTS_MAX; i++) {
        assert_non_null(px_registry_endpoint(*state, i));
    }
    for (uint32_t i = 0; i < PX_ENDPOINTS_MAX; i++) {
        px_registry_give_endpoint(*state, all[PX_ENDPOINTS_MAX - 1 - i]);
    }
}

static void test_registry_names_keep_their_numbers(void **state)
{
    uint32_t number;
    assert_int_equal(px_registry_rule_number(*state, "main", &number), 0);
    assert_int_equal(number, 0);
    assert_int_equal(px_registry_rule_number(*state, "main/ab-1", &number), 0);
    assert_int_equal(number, 1);
    assert_int_equal(px_registry_rule_number(*state, "main", &number), 0);
    assert_int_equal(number, 0);
    assert_int_equal(px_registry_version_number(*state, "main", &number), 0);
    assert_int_equal(number, 0); /* versions count by themselves */
    assert_string_equal(px_registry_rule_name(*state, 1), "main/ab-1");
    assert_null(px_registry_rule_name(*state, 2));
    assert_string_equal(px_registry_version_name(*state, 0), "main");
    assert_null(px_registry_version_name(*state, 1));
}

static void test_registry_numbers_are_bounded(void **state)
{
    uint32_t number;
    char name[16];
    for (uint32_t i = 0; i < PX_RULES_MAX; i++) {
        snprintf(name, sizeof(name), "rule-%u", i);
        assert_int_equal(px_registry_rule_number(*state, name, &number), 0);
        assert_int_equal(number, i);
    }
    assert_int_equal(px_registry_rule_number(*state, "one-more", &number), -E2BIG);
    assert_int_equal(px_registry_rule_number(*state, "rule-7", &number), 0);
    for (uint32_t i = 0; i < PX_VERSIONS_MAX; i++) {
        snprintf(name, sizeof(name), "version-%u", i);
        assert_int_equal(px_registry_version_number(*state, name, &number), 0);
    }
    assert_int_equal(px_registry_version_number(*state, "one-more", &number), -E2BIG);
    px_registry_forget(*state, 5, 1);
    assert_null(px_registry_rule_name(*state, 5));
    assert_string_equal(px_registry_rule_name(*state, 4), "rule-4");
    assert_int_equal(px_registry_rule_number(*state, "one-more", &number), 0);
    assert_int_equal(number, 5);
    assert_int_equal(px_registry_version_number(*state, "one-more", &number), 0);
    assert_int_equal(number, 1);
}

static void test_registry_free_of_nothing(void **state)
{
    (void)state;
    px_registry_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_registry, free_registry)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_registry_an_endpoint_is_kept_while_used),
        TEST(test_registry_another_version_is_another_endpoint),
        TEST(test_registry_a_moved_endpoint_keeps_health_and_mode),
        TEST(test_registry_a_slot_rests_before_it_is_used_again),
        TEST(test_registry_slots_are_all_used_and_bounded),
        TEST(test_registry_names_keep_their_numbers),
        TEST(test_registry_numbers_are_bounded),
        TEST(test_registry_free_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
