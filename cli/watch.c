#include "cli/screen.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/view.h"
#include "cli/watch_parts.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND_MS 1000
#define LINES_MS 10000 /* between two sets of lines, unless something changes */
#define RETRY_MS 500
#define OPEN_MS 2000 /* at most, for a proxy that accepts and says nothing */

struct watch {
    struct cli_admin *admin;
    enum cli_format format;
    uint64_t interval_ms;
    bool is_screen;
    struct cli_watched watched;
    struct tn_client_events *events; /* NULL: not followed */
    char *trouble;                   /* why there is no answer, or NULL */
    char *instead;                   /* why it is asked again and again, or NULL */
    uint64_t retry_ms, print_ms;     /* when */
    bool is_behind;                  /* what is known is older than the story */
};

/* --- showing -------------------------------------------------------------------------------------
 */

static void print_page(const struct watch *watch, FILE *out, size_t columns)
{
    const struct cli_watched *watched = &watch->watched;
    struct cli_context context = *watched->context;
    const struct cli_view view = {.status = watched->documents.status,
                                  .share = watched->documents.share,
                                  .rules = watched->documents.rules,
                                  .place = cli_admin_place(watch->admin),
                                  .is_live = true,
                                  .columns = columns};

    context.out = out;
    if (watch->trouble) {
        cli_print_styled(out, context.colour, CLI_BAD, watch->trouble);
        fputs("\nThis is what was known last:\n\n", out);
    }
    cli_print_view(&context, &view);
    if (watched->story.count > 0)
        cli_print_styled(out, context.colour, CLI_DIM, "\nLately\n");
    for (size_t i = watched->story.count; i > 0; i--)
        fprintf(out, "  %s\n", watched->story.lines[i - 1]);
    if (watch->instead)
        fprintf(out, "\n%s: asking again and again instead\n", watch->instead);
}

static char *page_text(const struct watch *watch)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = cli_need(open_memstream(&text, &len));

    print_page(watch, out, cli_screen_size(STDOUT_FILENO).columns);
    cli_need(fclose(out) == 0 ? text : NULL);
    return text;
}

static void show(struct watch *watch)
{
    const struct cli_context *context = watch->admin->context;

    if (watch->is_screen) {
        char *text = page_text(watch);

        cli_screen_draw(text);
        free(text);
    } else if (watch->trouble) {
        return; /* it was told already, and nothing is known that is new */
    } else if (watch->format == CLI_TABLE) {
        cli_watch_print_lines(&watch->watched);
    } else {
        cli_documents_print(context, watch->format, &watch->watched.documents, true);
    }
    fflush(context->out);
}

/* The last page stays, among what was on the terminal before. */
static void leave(const struct watch *watch)
{
    if (!watch->is_screen)
        return;
    cli_screen_leave();
    print_page(watch, watch->admin->context->out, 0);
    fflush(watch->admin->context->out);
}

/* --- following -----------------------------------------------------------------------------------
 */

static uint64_t now_ms(const struct watch *watch)
{
    const struct tn_clock *clock = watch->admin->context->clock;

    return clock->monotonic_ns(clock->context) / 1000000;
}

static json_int_t pid_of(const struct watch *watch)
{
    return json_integer_value(json_object_get(watch->watched.documents.status, "pid"));
}

/* Takes why over; said once. What the proxy said itself is the better reason. */
static void lose(struct watch *watch, char *why)
{
    if (watch->trouble && watch->watched.bye) {
        free(why);
        return;
    }
    if (!watch->trouble && !watch->is_screen)
        fprintf(watch->admin->context->err, "%s: %s\n", watch->admin->command, why);
    free(watch->trouble);
    watch->trouble = why;
    watch->print_ms = 0;
}

static void end_stream(struct watch *watch, int error)
{
    char *bye = watch->watched.bye;

    tn_client_events_close(watch->events);
    watch->events = NULL;
    watch->retry_ms = now_ms(watch);
    if (bye && strcmp(bye, "handover") == 0)
        lose(watch, cli_format("a new process takes over"));
    else if (bye)
        lose(watch, cli_format("turnout is %s; waiting for it to come back", bye));
    else if (error == -ECONNRESET || error == -EPIPE)
        lose(watch, cli_format("the connection to turnout was lost; waiting for it to come back"));
    else
        lose(watch, cli_need(tn_client_error_text(&watch->admin->client, error)));
}

/* What happened is told at once; the figures that go with it come a moment later. */
static int on_event(void *context, const struct tn_client_event *event)
{
    struct watch *watch = context;
    uint64_t told = watch->watched.story.told;

    cli_watch_take(&watch->watched, event);
    if (watch->watched.story.told != told) {
        watch->is_behind = true;
        if (watch->is_screen)
            watch->print_ms = 0;
        fflush(watch->admin->context->out);
    } else if (watch->is_behind && cli_documents_agree(&watch->watched.documents)) {
        watch->is_behind = false;
        watch->print_ms = 0;
    }
    return 0;
}

static void read_stream(struct watch *watch)
{
    int r = tn_client_events_read(watch->events, on_event, watch);

    if (r)
        end_stream(watch, r);
}

/* It answers again: is it the same one? */
static void find(struct watch *watch)
{
    json_int_t pid = pid_of(watch);
    const char *bye = watch->watched.bye ? watch->watched.bye : "";

    if (watch->trouble && pid != watch->watched.pid)
        cli_watch_tell(&watch->watched,
                       cli_format(strcmp(bye, "handover") == 0
                                      ? "taken over by a new process, pid %" JSON_INTEGER_FORMAT
                                      : "restarted: pid %" JSON_INTEGER_FORMAT,
                                  pid));
    else if (watch->trouble)
        cli_watch_tell(&watch->watched, cli_format("connected again"));
    watch->watched.pid = pid;
    free(watch->trouble);
    free(watch->watched.bye);
    watch->trouble = watch->watched.bye = NULL;
    watch->print_ms = 0;
}

/* One question instead of a stream; or the next attempt to get one. */
static void ask(struct watch *watch)
{
    struct cli_documents documents = {0};
    const char *state;
    char *why = NULL;
    int code = cli_documents_read(watch->admin, &documents, &why);

    if (code != CLI_DONE) {
        lose(watch, why);
        return;
    }
    free(why);
    if (!json_equal(json_object_get(documents.rules, "revision"),
                    json_object_get(watch->watched.documents.rules, "revision")))
        watch->print_ms = 0;
    cli_documents_drop(&watch->watched.documents);
    watch->watched.documents = documents;
    state = json_string_value(json_object_get(documents.status, "state"));
    if (!watch->events && state && strcmp(state, "stopping") == 0)
        lose(watch, cli_format("turnout is stopping; waiting for it to come back"));
    else if (watch->trouble || watch->watched.pid == 0)
        find(watch);
}

static void connect_again(struct watch *watch)
{
    uint64_t timeout_ms = watch->admin->client.timeout_ms;
    char *why = NULL;
    int code;

    watch->admin->client.timeout_ms = OPEN_MS;
    code = cli_admin_follow(watch->admin, watch->watched.last_id, &watch->events, &why);
    free(watch->instead);
    watch->instead = NULL;
    if (code == CLI_DONE) {
        ask(watch); /* who answers, and all of it at once */
    } else if (watch->admin->error == 0) {
        watch->instead = why;
        ask(watch);
    } else {
        lose(watch, cli_format("waiting for turnout: %s", why));
        free(why);
    }
    watch->admin->client.timeout_ms = timeout_ms;
    watch->retry_ms =
        now_ms(watch) + (watch->instead && !watch->trouble && watch->interval_ms < SECOND_MS
                             ? watch->interval_ms
                         : watch->instead && !watch->trouble ? SECOND_MS
                                                             : RETRY_MS);
    if (watch->events)
        read_stream(watch);
}

/* --- the loop ------------------------------------------------------------------------------------
 */

static bool is_key_end(void)
{
    char key = cli_screen_key();

    return key == 'q' || key == 'Q';
}

static int wait_ms(const struct watch *watch)
{
    uint64_t now = now_ms(watch);
    uint64_t next = watch->print_ms;

    if (!watch->events && watch->retry_ms < next)
        next = watch->retry_ms;
    return next <= now ? 0 : (int)(next - now);
}

/* False: the reader of what we write is gone. */
static bool wait_for(struct watch *watch, const sigset_t *waiting)
{
    struct pollfd fds[3] = {
        {.fd = watch->events ? tn_client_events_fd(watch->events) : -1, .events = POLLIN},
        {.fd = watch->is_screen ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = STDOUT_FILENO}, /* only whether it breaks */
    };
    int ms = wait_ms(watch);
    struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    if (ppoll(fds, 3, &limit, waiting) <= 0)
        return true;
    if (fds[0].revents)
        read_stream(watch);
    return !(fds[2].revents & (POLLERR | POLLNVAL));
}

/* After Ctrl-Z, and again in front. */
static void pause_until_continued(struct watch *watch)
{
    if (watch->is_screen)
        cli_screen_leave();
    cli_signals_raise(SIGTSTP);
    if (watch->is_screen)
        cli_screen_enter();
    watch->print_ms = 0;
}

static int run(struct watch *watch, const sigset_t *waiting)
{
    while (!cli_signals_ending() && !ferror(watch->admin->context->out)) {
        if (!watch->events && now_ms(watch) >= watch->retry_ms)
            connect_again(watch);
        if (now_ms(watch) >= watch->print_ms) {
            show(watch);
            watch->print_ms = now_ms(watch) + watch->interval_ms;
        }
        if (!wait_for(watch, waiting))
            return CLI_FAILED;
        if (cli_signals_stopped())
            pause_until_continued(watch);
        if (cli_signals_resized() && watch->is_screen)
            watch->print_ms = 0;
        if (watch->is_screen && is_key_end())
            return CLI_DONE;
    }
    return CLI_FAILED;
}

int cli_watch(struct cli_admin *admin, enum cli_format format, uint64_t interval_ms,
              struct cli_documents *documents)
{
    struct cli_context *context = admin->context;
    bool is_lines = format == CLI_TABLE && !context->is_terminal;
    struct watch watch = {
        .admin = admin,
        .format = format,
        .interval_ms = interval_ms ? interval_ms
                       : is_lines  ? LINES_MS
                                   : SECOND_MS,
        .is_screen = format == CLI_TABLE && context->is_terminal,
        .watched = {.context = context, .documents = *documents, .prints_story = is_lines}};
    sigset_t waiting;
    int code;

    *documents = (struct cli_documents){0};
    watch.watched.pid = pid_of(&watch);
    cli_signals_take(&waiting);
    if (watch.is_screen) {
        atexit(cli_screen_leave);
        cli_screen_enter();
    }
    code = run(&watch, &waiting);
    leave(&watch);
    tn_client_events_close(watch.events);
    cli_watched_deinit(&watch.watched);
    free(watch.trouble);
    free(watch.instead);
    if (cli_signals_ending())
        cli_signals_raise(cli_signals_ending());
    return code;
}
