#include "cli/screen.h"

#include "cli/text.h"
#include "cli/width.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Second screen, no cursor, lines that are too long don't go on in the next. */
#define ENTER "\033[?1049h\033[?25l\033[?7l\033[H\033[2J"
#define LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"
/* Terminals that know it show a page only when it is whole; others pass over it. */
#define BEGIN "\033[?2026h"
#define END "\033[?2026l"

static struct {
    volatile bool is_entered;
    bool has_modes;
    struct termios modes; /* as they were */
} screen;

static void write_all(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t written = write(STDOUT_FILENO, text, len);

        if (written < 0 && errno == EAGAIN) {
            struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};

            poll(&ready, 1, 1000);
            continue;
        }
        if (written < 0 && errno != EINTR)
            return; /* gone: whoever waits for us is told by a signal */
        if (written > 0) {
            text += written;
            len -= (size_t)written;
        }
    }
}

struct cli_screen_size cli_screen_size(int fd)
{
    struct winsize size = {0};

    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        return (struct cli_screen_size){24, 80};
    return (struct cli_screen_size){size.ws_row, size.ws_col};
}

void cli_screen_enter(void)
{
    if (screen.is_entered)
        return;
    screen.has_modes = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &screen.modes) == 0;
    if (screen.has_modes) {
        struct termios modes = screen.modes;

        modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        modes.c_cc[VMIN] = 0;
        modes.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
    }
    screen.is_entered = true;
    write_all(ENTER, strlen(ENTER));
}

void cli_screen_leave(void)
{
    if (!screen.is_entered)
        return;
    screen.is_entered = false;
    write_all(LEAVE, strlen(LEAVE));
    if (screen.has_modes)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &screen.modes);
}

char cli_screen_key(void)
{
    struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
    char key = 0;

    if (!screen.has_modes || poll(&ready, 1, 0) != 1 || read(STDIN_FILENO, &key, 1) != 1)
        return 0;
    return key;
}

void cli_screen_draw(const char *text)
{
    char *page = cli_screen_fit(text, cli_screen_size(STDOUT_FILENO));

    write_all(page, strlen(page));
    free(page);
}

/* --- cutting -------------------------------------------------------------------------------------
 */

/* One line, at most so wide, and the rest of it erased; returns where the next begins. */
static const char *put_line(FILE *out, const char *line, unsigned columns)
{
    size_t used = 0;
    bool is_full = false;
    bool has_colour = false;

    while (*line && *line != '\n') {
        size_t places;
        size_t len = cli_width_next(line, &places);

        is_full = is_full || used + places > columns;
        if (line[0] == '\033' || !is_full) {
            fwrite(line, 1, len, out); /* colours too of what is cut: they end */
            used += places;
            has_colour = has_colour || line[0] == '\033';
        }
        line += len;
    }
    /* behind the last place the cursor still stands on it, and would erase it */
    fputs(has_colour ? "\033[0m" : "", out);
    fputs(used < columns ? "\033[K" : "", out);
    return *line ? line + 1 : line;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

char *cli_screen_fit(const char *text, struct cli_screen_size size)
{
    size_t lines = count_lines(text);
    bool is_cut = lines > size.rows;
    size_t shown = is_cut ? size.rows - 1 : lines;
    char *page = NULL;
    size_t len = 0;
    FILE *out = cli_need(open_memstream(&page, &len));

    fputs(BEGIN "\033[H", out);
    for (size_t i = 0; i < shown; i++) {
        text = put_line(out, text, size.columns);
        fputs(i + 1 < size.rows ? "\r\n" : "", out);
    }
    if (is_cut) {
        char note[80];

        snprintf(note, sizeof(note), "... %zu more lines", lines - shown);
        put_line(out, note, size.columns);
    }
    fputs(lines < size.rows ? "\033[J" END : END, out);
    cli_need(fclose(out) == 0 ? page : NULL);
    return page;
}
