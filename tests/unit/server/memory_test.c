/* The memory limit: when it is reached, when it is over, and what it is; on a clock of our own. */
#include "proxy/memory.h"

#include "lib/base/process.h"
#include "proxy/config/config.h"
#include "tests/support/virtual_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

uint64_t __wrap_tn_process_memory(void);
uint64_t __real_tn_process_memory(void);

static uint64_t used;
static unsigned changes;
static unsigned looks;

uint64_t __wrap_tn_process_memory(void)
{
    looks++;
    return used;
}

static void on_full(struct px_memory *memory, bool is_full)
{
    assert_int_equal(memory->is_full, is_full);
    changes++;
}

struct fixture {
    struct tn_loop loop;
    struct px_memory memory;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    used = 10 * MIB;
    changes = looks = 0;
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    assert_int_equal(px_memory_open(&fixture->memory, &fixture->loop, on_full), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    px_memory_close(&fixture->memory);
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    free(fixture);
    return 0;
}

static void pass(struct fixture *fixture, unsigned ms)
{
    for (unsigned gone = 0; gone < ms; gone += 50) {
        virtual_time_pass(50);
        uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
        uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
    }
}

static void test_memory_is_full_from_the_limit_on_until_a_twentieth_is_free(void **state)
{
    struct fixture *fixture = *state;

    px_memory_set(&fixture->memory, 100 * MIB);
    pass(fixture, 500);
    assert_int_equal(changes, 0);
    used = 100 * MIB - 1;
    pass(fixture, 200);
    assert_false(fixture->memory.is_full);
    used = 100 * MIB;
    pass(fixture, 200);
    assert_true(fixture->memory.is_full);
    used = 96 * MIB;
    pass(fixture, 500);
    assert_true(fixture->memory.is_full);
    used = 95 * MIB - 1;
    pass(fixture, 200);
    assert_false(fixture->memory.is_full);
    assert_int_equal(changes, 2);
}

static void test_memory_off_looks_at_nothing_and_ends_what_was(void **state)
{
    struct fixture *fixture = *state;

    px_memory_set(&fixture->memory, 64 * MIB);
    used = 65 * MIB;
    pass(fixture, 200);
    assert_true(fixture->memory.is_full);
    px_memory_set(&fixture->memory, PX_NO_LIMIT); /* as a reload says it */
    assert_false(fixture->memory.is_full);
    assert_int_equal(fixture->memory.limit_bytes, 0);
    looks = 0;
    pass(fixture, 1000);
    assert_int_equal(looks, 0);
}

static void test_memory_auto_is_a_part_of_the_cgroups(void **state)
{
    struct fixture *fixture = *state;

    fixture->memory.cgroup_bytes = 0;
    px_memory_set(&fixture->memory, PX_MEMORY_AUTO);
    assert_int_equal(fixture->memory.limit_bytes, 0);
    fixture->memory.cgroup_bytes = 1000 * MIB;
    px_memory_set(&fixture->memory, PX_MEMORY_AUTO);
    assert_int_equal(fixture->memory.limit_bytes, 800 * MIB);
}

static void test_memory_that_cannot_be_read_limits_nothing(void **state)
{
    struct fixture *fixture = *state;

    used = 0;
    px_memory_set(&fixture->memory, 64 * MIB);
    assert_int_equal(fixture->memory.limit_bytes, 0);
    used = 70 * MIB;
    px_memory_set(&fixture->memory, 65 * MIB);
    pass(fixture, 200);
    assert_true(fixture->memory.is_full);
    used = 0; /* no descriptor left, say: as it was */
    pass(fixture, 200);
    assert_true(fixture->memory.is_full);
}

static void test_memory_a_process_knows_its_own(void **state)
{
#ifdef __SANITIZE_THREAD__
    (void)state;
    skip(); /* its shadow is as large again */
#else
    uint64_t before = __real_tn_process_memory();
    char *bytes = malloc(32 * MIB);
    volatile char *pages = bytes;

    (void)state;
    assert_non_null(bytes);
    assert_in_range(before, 4096, 4096 * MIB);
    for (size_t i = 0; i < 32 * MIB; i += 4096)
        pages[i] = 1;
    assert_in_range(__real_tn_process_memory() - before, 30 * MIB, 40 * MIB);
    free(bytes);
#endif
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_memory_is_full_from_the_limit_on_until_a_twentieth_is_free),
        TEST(test_memory_off_looks_at_nothing_and_ends_what_was),
        TEST(test_memory_auto_is_a_part_of_the_cgroups),
        TEST(test_memory_that_cannot_be_read_limits_nothing),
        TEST(test_memory_a_process_knows_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
