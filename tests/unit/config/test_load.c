#include "tests/unit/config/helper.h"

#include "proxy/config/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/turnout-config-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void path_of(const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", folder, name);
}

static void write_file(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void test_load_the_example_of_the_design(void **state)
{
    (void)state;
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    assert_int_equal(px_config_load(TURNOUT_FIXTURES "/design.yaml", &messages, &config), 0);
    assert_int_equal(messages.count, 0);
    assert_string_equal(messages.file, TURNOUT_FIXTURES "/design.yaml");
    assert_string_equal(config->file, TURNOUT_FIXTURES "/design.yaml");
    assert_string_equal(config->dir, TURNOUT_FIXTURES);
    assert_string_equal(config->admin_path, TURNOUT_FIXTURES "/turnout.sock");
    assert_string_equal(config->store_file, TURNOUT_FIXTURES "/turnout.store");
    assert_string_equal(config->access_log, "stdout");
    assert_int_equal(config->log_format, PX_LOG_JSON);
    assert_int_equal(config->version_count, 2);
    assert_int_equal(config->rule_count, 2);
    const struct px_rule *rule = config->rules[1];
    assert_string_equal(rule->sticky.key_file, TURNOUT_FIXTURES "/cookie.keys");
    assert_string_equal(rule->sticky.key_file_written, "./cookie.keys");
    assert_string_equal(rule->sticky.seed, "spring-sale");
    assert_true(rule->sticky.scope_endpoint);
    assert_int_equal(rule->mirrors[0].ppm, 250000);
    px_config_free(config);
    px_messages_deinit(&messages);
}

static void check_unreadable(const char *path, int code, const char *said)
{
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    assert_int_equal(px_config_load(path, &messages, &config), code);
    assert_null(config);
    assert_int_equal(messages.error_count, 1);
    assert_int_equal(messages.items[0].line, 0);
    char *text = px_messages_format(&messages);
    assert_string_equal(text, said);
    free(text);
    px_messages_deinit(&messages);
}

static void test_load_says_why_a_file_is_unreadable(void **state)
{
    (void)state;
    check_unreadable("no-such-file.yaml", -ENOENT,
                     "no-such-file.yaml: error: cannot be read: No such file or directory\n");
    check_unreadable("/", -EISDIR, "/: error: cannot be read: Is a directory\n");
}

static void test_load_a_file_without_permission(void **state)
{
    (void)state;
    char path[128];
    path_of("secret.yaml", path, sizeof(path));
    write_file(path, helper_base, strlen(helper_base));
    assert_int_equal(chmod(path, 0), 0);
    if (geteuid() != 0) {
        struct px_messages messages;
        struct px_config *config = NULL;
        px_messages_init(&messages);
        assert_int_equal(px_config_load(path, &messages, &config), -EACCES);
        px_messages_deinit(&messages);
    }
    unlink(path);
}

static void test_load_refuses_large_files(void **state)
{
    (void)state;
    char path[128];
    char said[256];
    char *text = malloc(PX_FILE_BYTES_MAX + 1);
    assert_non_null(text);
    memset(text, '#', PX_FILE_BYTES_MAX + 1);
    memcpy(text, helper_base, strlen(helper_base));
    path_of("large.yaml", path, sizeof(path));
    write_file(path, text, PX_FILE_BYTES_MAX + 1);
    snprintf(said, sizeof(said), "%s: error: larger than 1 MiB: that is no configuration\n", path);
    check_unreadable(path, -EINVAL, said);

    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    write_file(path, text, PX_FILE_BYTES_MAX); /* a comment of nearly 1 MiB is fine */
    assert_int_equal(px_config_load(path, &messages, &config), 0);
    px_config_free(config);
    px_messages_deinit(&messages);
    unlink(path);
    free(text);
}

static void test_load_paths_start_at_the_file(void **state)
{
    (void)state;
    char path[128];
    char wanted[128];
    char text[1024];
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    path_of("paths.yaml", path, sizeof(path));
    snprintf(text, sizeof(text),
             "%sstore: {file: ././a.store}\nlog: {access: logs/access}\nadmin: unix:/run/t.sock\n",
             helper_base);
    write_file(path, text, strlen(text));
    assert_int_equal(px_config_load(path, &messages, &config), 0);
    path_of("a.store", wanted, sizeof(wanted));
    assert_string_equal(config->store_file, wanted);
    path_of("logs/access", wanted, sizeof(wanted));
    assert_string_equal(config->access_log, wanted);
    assert_string_equal(config->admin_path, "/run/t.sock");
    px_config_free(config);
    px_messages_deinit(&messages);
    unlink(path);
}

static void test_load_a_file_of_this_folder(void **state)
{
    (void)state;
    char before[512];
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(folder), 0);
    const char text[] = "listen: ['127.0.0.1:0']\nversions: {b: {endpoints: ['127.0.0.1:1']}}\n"
                        "rules: [{name: main, weights: {b: 1}}]\nadmin: unix:./turnout.sock\n";
    write_file("turnout.yaml", text, strlen(text));
    assert_int_equal(px_config_load("turnout.yaml", &messages, &config), 0);
    assert_string_equal(config->dir, ".");
    assert_string_equal(config->admin_path, "turnout.sock"); /* short, and right while here */
    unlink("turnout.yaml");
    assert_int_equal(chdir(before), 0);
    px_config_free(config);
    px_messages_deinit(&messages);
}

static void test_load_a_file_at_the_root(void **state)
{
    (void)state;
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    assert_int_equal(px_config_parse(tn_str_of(helper_base), "/t.yaml", "/", &messages, &config),
                     0);
    px_config_free(config);
    assert_int_equal(px_config_load("/no-such-turnout.yaml", &messages, &config), -ENOENT);
    px_messages_deinit(&messages);
}

static void test_load_from_a_pipe(void **state)
{
    (void)state;
    int ends[2];
    char path[64];
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], helper_base, strlen(helper_base)), strlen(helper_base));
    close(ends[1]);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    assert_int_equal(px_config_load(path, &messages, &config), 0);
    close(ends[0]);
    px_config_free(config);
    px_messages_deinit(&messages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_the_example_of_the_design),
        cmocka_unit_test(test_load_says_why_a_file_is_unreadable),
        cmocka_unit_test(test_load_a_file_without_permission),
        cmocka_unit_test(test_load_refuses_large_files),
        cmocka_unit_test(test_load_paths_start_at_the_file),
        cmocka_unit_test(test_load_a_file_of_this_folder),
        cmocka_unit_test(test_load_a_file_at_the_root),
        cmocka_unit_test(test_load_from_a_pipe),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
