/* Allocation number i fails, for every i: the copy is dropped or failed, counted, told, not leaked.
 */
#include "tests/unit/mirror/shadow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static unsigned countdown; /* 0: nothing fails */

static bool fails(void)
{
    return countdown > 0 && --countdown == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

static void answer_in_two(struct shadow *shadow, unsigned peer)
{
    if (peer >= shadow->peer_count || !shadow->peers[peer].stream.is_open)
        return;
    shadow_answer(&shadow->peers[peer], "HTTP/1.1 200 OK\r\nContent-");
    shadow_run(shadow, 5);
    if (shadow->peers[peer].stream.is_open)
        shadow_answer(&shadow->peers[peer], "Length: 2\r\n\r\nok");
    shadow_run(shadow, 5);
}

static void scenario(struct shadow *shadow)
{
    static char body[60000];
    struct px_mirror_copy *copy;

    memset(body, 'b', sizeof(body));
    copy = shadow_begin(shadow, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (unsigned i = 0; i < 3 && copy; i++) {
        if (!shadow_body(copy, body, 900 << i))
            copy = NULL;
    }
    shadow_run(shadow, 5);
    if (copy && !shadow_body(copy, body, sizeof(body)))
        copy = NULL;
    if (copy)
        px_mirror_end(copy);
    shadow_run(shadow, 5);
    answer_in_two(shadow, 0);
    copy = shadow_begin(shadow, SHADOW_GET);
    if (copy)
        px_mirror_end(copy);
    shadow_run(shadow, 5);
    answer_in_two(shadow, shadow->peer_count - 1);
}

static void test_mirror_survives_any_failing_allocation(void **state)
{
    unsigned number = 0;
    bool has_failed;

    (void)state;
    do {
        struct shadow *shadow = __real_malloc(sizeof(*shadow));

        assert_non_null(shadow);
        shadow_open(shadow);
        countdown = ++number;
        scenario(shadow);
        has_failed = countdown == 0;
        countdown = 0;
        if (!has_failed)
            assert_int_equal(shadow_counters(shadow)->answered, 2);
        else
            assert_int_equal(shadow_counters(shadow)->dropped[PX_MIRROR_DROP_MEMORY] +
                                 shadow_counters(shadow)->failed[PX_MIRROR_FAIL_MEMORY],
                             1);
        assert_int_equal(shadow_counters(shadow)->selected, 2);
        shadow_close(shadow);
        free(shadow);
        assert_true(number < 200);
    } while (has_failed);
    assert_true(number > 8); /* it did fail here and there */
}

static void test_mirrors_new_survives_any_failing_allocation(void **state)
{
    struct px_mirrors_options options = {0};
    struct px_mirrors *mirrors = NULL;
    unsigned number = 0;

    (void)state;
    do {
        countdown = ++number;
        if (px_mirrors_new(&options, &mirrors) == 0)
            break;
        assert_null(mirrors);
    } while (number < 10);
    countdown = 0;
    assert_int_equal(number, 4);
    px_mirrors_free(mirrors);
    px_mirrors_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mirror_survives_any_failing_allocation),
        cmocka_unit_test(test_mirrors_new_survives_any_failing_allocation),
    };

    tn_net_init();
    /* libuv's table of descriptors grows now and then, and has a reserve: not counted here */
    uv_replace_allocator(__real_malloc, __real_realloc, __real_calloc, free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
