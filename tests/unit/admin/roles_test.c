/* Which role each resource asks for: one table, and what openapi.yaml says of it. */
#include "proxy/admin/admin.h"
#include "tests/unit/admin/openapi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const methods[] = {"get", "head", "post", "put"};

/* security: [{}, {token: [ROLE]}] */
static const char *role_of(const json_t *operation)
{
    const json_t *security = json_object_get(operation, "security");
    const json_t *roles = json_object_get(json_array_get(security, 1), "token");

    assert_int_equal(json_array_size(security), 2);
    assert_int_equal(json_array_size(roles), 1);
    return json_string_value(json_array_get(roles, 0));
}

static void test_roles_are_those_of_openapi(void **state)
{
    json_t *page = openapi_load();

    (void)state;
    for (size_t i = 0; i < px_admin_route_count; i++) {
        const struct tn_api_route *route = &px_admin_routes[i];
        const json_t *path = json_object_get(json_object_get(page, "paths"), route->path);
        const json_t *operation = json_object_get(path, methods[route->method]);

        if (strcmp(role_of(operation), tn_token_role_text(route->role)) != 0)
            fail_msg("openapi.yaml: %s %s has role %s", methods[route->method], route->path,
                     role_of(operation));
    }
    json_decref(page);
}

/* Changing is for operators, and what holds users' data too; a GET takes no body. */
static void test_roles_of_what_changes_or_tells_much(void **state)
{
    (void)state;
    for (size_t i = 0; i < px_admin_route_count; i++) {
        const struct tn_api_route *route = &px_admin_routes[i];
        bool is_change = route->method != TN_HTTP_GET;
        bool tells_much = strcmp(route->path, "/v1/mirror-pairs") == 0;

        if ((route->role == TN_API_OPERATE) != (is_change || tells_much))
            fail_msg("%s %s", methods[route->method], route->path);
        assert_int_equal(route->bodies != 0, is_change);
    }
}

static void test_roles_of_metrics_are_for_everybody_and_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < px_metrics_route_count; i++) {
        assert_int_equal(px_metrics_routes[i].method, TN_HTTP_GET);
        assert_int_equal(px_metrics_routes[i].role, TN_API_READ);
        assert_int_equal(px_metrics_routes[i].bodies, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles_are_those_of_openapi),
        cmocka_unit_test(test_roles_of_what_changes_or_tells_much),
        cmocka_unit_test(test_roles_of_metrics_are_for_everybody_and_change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
