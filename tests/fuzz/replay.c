/* Runs a fuzz target over the files of the folders given, where libFuzzer is not to be had. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1 << 20)

static uint8_t bytes[FILE_MAX];

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t size;
    uint8_t *exact;

    if (!file) {
        perror(path);
        return 1;
    }
    size = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    /* a block of just that size, so that the address sanitizer sees a read past its end */
    exact = malloc(size > 0 ? size : 1);
    if (!exact)
        return 1;
    memcpy(exact, bytes, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

static int run_folder(const char *path, unsigned *count)
{
    DIR *folder = opendir(path);
    int failed = 0;

    if (!folder) {
        perror(path);
        return 1;
    }
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char name[4096];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        (void)printf("%s\n", name);
        (void)fflush(stdout); /* the last name told is that of the file that broke it */
        failed |= run_file(name);
        (*count)++;
    }
    (void)closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    int failed = 0;

    for (int i = 1; i < argc; i++)
        failed |= run_folder(argv[i], &count);
    (void)printf("%u files\n", count);
    return failed || count == 0;
}
