#include "engine/local/os.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/local/os_parts.h"

/* Everything from here to exec is safe in the child of a process with threads. */
static void become(char *const *argv, const char *folder, int output, int gate)
{
    char byte;
    ssize_t n;
    sigset_t none;

    setsid();
    do {
        n = read(gate, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(125); /* whoever made us died before it had written us down */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(125);
    close_range(3, ~0u, 0);
    if (chdir(folder) == 0)
        execvp(argv[0], argv);
    static const char said[] = "turnout: the command of this build cannot be run: ";
    const char *why = strerrorname_np(errno);
    n = write(2, said, sizeof(said) - 1);
    n = write(2, argv[0], strlen(argv[0]));
    n = write(2, ": ", 2);
    n = write(2, why ? why : "?", why ? strlen(why) : 1);
    n = write(2, "\n", 1);
    (void)n;
    _exit(127);
}

/* Field 22 of /proc/PID/stat, and the letter of field 3. The second field may hold anything. */
static int read_stat(int32_t pid, char *ret_letter, uint64_t *ret_start)
{
    char path[40];
    char text[1024];

    snprintf(path, sizeof(path), "/proc/%" PRId32 "/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    int error = -errno;
    close(fd);
    if (len <= 0)
        return len < 0 ? error : -ESRCH;
    text[len] = '\0';
    char *at = strrchr(text, ')');
    if (!at || at[1] != ' ')
        return -EBADMSG;
    *ret_letter = at[2];
    at += 2;
    for (int field = 3; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return -EBADMSG;
    *ret_start = strtoull(at + 1, NULL, 10);
    return 0;
}

static int make(struct en_os *os, char *const *argv, const char *folder, const char *output,
                struct en_process *ret_process, int *ret_gate)
{
    int gate[2];
    char letter;
    struct en_process made = {0};
    int r = 0;

    (void)os;
    int out = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (out < 0)
        return -errno;
    if (pipe2(gate, O_CLOEXEC) < 0) {
        r = -errno;
        close(out);
        return r;
    }
    made.pid = fork();
    if (made.pid == 0) {
        close(gate[1]); /* or it would hold its own gate open */
        become(argv, folder, out, gate[0]);
    }
    if (made.pid < 0)
        r = -errno;
    close(gate[0]);
    close(out);
    if (r == 0)
        r = read_stat(made.pid, &letter, &made.start);
    if (r < 0) {
        close(gate[1]);
        if (made.pid > 0)
            waitpid(made.pid, NULL, 0);
        return r;
    }
    *ret_process = made;
    *ret_gate = gate[1];
    return 0;
}

static int open_gate(struct en_os *os, int gate)
{
    (void)os;
    int r = write(gate, "1", 1) == 1 ? 0 : -errno;
    close(gate);
    return r;
}

static void drop_gate(struct en_os *os, int gate)
{
    (void)os;
    close(gate);
}

static void tell_end(const siginfo_t *info, char *why, size_t size)
{
    if (info->si_code == CLD_EXITED)
        snprintf(why, size, "exit code %d", info->si_status);
    else
        snprintf(why, size, "killed by signal %d (%s)", info->si_status,
                 sigabbrev_np(info->si_status) ? sigabbrev_np(info->si_status) : "?");
}

static bool is_alive(struct en_os *os, const struct en_process *process, char *why, size_t size)
{
    siginfo_t info = {0};
    char letter = 'X';
    uint64_t start = 0;

    (void)os;
    why[0] = '\0';
    /* Looked at before it is collected: until then its number belongs to nobody else. */
    if (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
        if (info.si_pid == 0)
            return true;
        tell_end(&info, why, size);
        kill(-process->pid, SIGKILL); /* what it left behind in its session */
        waitpid(process->pid, NULL, WNOHANG);
        return false;
    }
    /* Not our child: made by the engine before this one. */
    if (read_stat(process->pid, &letter, &start) == 0 && start == process->start && letter != 'Z' &&
        letter != 'X')
        return true;
    snprintf(why, size, "ended while no engine was there to see how");
    return false;
}

static void end(struct en_os *os, const struct en_process *process, bool is_kill)
{
    char letter;
    uint64_t start;

    (void)os;
    if (process->pid <= 1 || read_stat(process->pid, &letter, &start) < 0 ||
        start != process->start)
        return;
    if (!is_kill)
        kill(process->pid, SIGTERM);
    else if (kill(-process->pid, SIGKILL) < 0)
        kill(process->pid, SIGKILL); /* before its setsid() */
}

static void read_boot(char *boot, size_t size)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, boot, size - 1) : -1;

    if (fd >= 0)
        close(fd);
    boot[n > 0 ? n : 0] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
}

void en_os_init(struct en_os *os)
{
    *os = (struct en_os){
        .make = make,
        .open_gate = open_gate,
        .drop_gate = drop_gate,
        .is_alive = is_alive,
        .end = end,
        .probe = en_os_probe_all,
        .make_folder = en_os_make_folder,
        .remove_folder = en_os_remove_folder,
        .last_line = en_os_last_line,
    };
    read_boot(os->boot, sizeof(os->boot));
}
