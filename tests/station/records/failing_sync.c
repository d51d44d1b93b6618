/* Preloaded: fsync and fdatasync fail with EIO for files whose name ends as the first word of $FAILING_SYNC says.
   The second word is `once` or `always`: `once` takes the control file away. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int shall_fail(int descriptor) {
    const char *control = getenv("FAILING_SYNC");
    char link[64], name[4096], ending[256], how[16];
    FILE *file = control ? fopen(control, "r") : NULL;
    if (file == NULL)
        return 0;
    int words = fscanf(file, "%255s %15s", ending, how);
    fclose(file);
    if (words != 2)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0)
        return 0;
    name[length] = 0;
    size_t end = strlen(ending);
    if ((size_t)length < end || strcmp(name + length - end, ending) != 0)
        return 0;
    if (strcmp(how, "once") == 0)
        unlink(control);
    return 1;
}

#define SYNC(function)                                                            \
    int function(int descriptor) {                                                \
        static int (*real)(int);                                                  \
        if (real == NULL)                                                         \
            real = (int (*)(int))dlsym(RTLD_NEXT, #function);                     \
        if (shall_fail(descriptor)) {                                             \
            errno = EIO;                                                          \
            return -1;                                                            \
        }                                                                         \
        return real(descriptor);                                                  \
    }

SYNC(fsync)
SYNC(fdatasync)
