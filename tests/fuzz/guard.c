/* malloc and its kin for a test: while it is switched on, each block of MIN bytes or more stands alone on pages of its
   own, its end (or, with GUARD_START, its start) against a page that cannot be read or written, and what is freed is
   gone at once. What is read or written outside a block thus ends the process where it happens; the few bytes between
   a block and the other end of its pages are filled and looked at when it is freed.

   What cannot be had is said on the error output: a library that ends the process for want of memory (LLVM does) is told
   by it from one that reads outside of its own.

   Everything else is left to glibc. GUARD_MIN is the least size. */

#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

#define PAGE ((size_t)4096)
#define MOST 12000   /* blocks alive at once: the system counts mappings */
#define HEADS 16384
#define FILL 0xA5

struct block { char *data, *base; size_t size, whole; int next; };

static struct block blocks[MOST];
static int heads[HEADS], vacant, alive;
static long total;
static volatile int on, locked;
static size_t least = 64;
static int at_start, ready;

static void lock(void) { while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE)) {} }
static void unlock(void) { __atomic_store_n(&locked, 0, __ATOMIC_RELEASE); }
static unsigned head_of(const void *p) { return (unsigned)(((uintptr_t)p * 0x9E3779B97F4A7C15u) >> 50) % HEADS; }

void guard_switch(int state) {
    if (!ready) {
        for (int i = 0; i < HEADS; i++) heads[i] = -1;
        for (int i = 0; i < MOST; i++) blocks[i].next = i + 1 < MOST ? i + 1 : -1;
        const char *min = getenv("GUARD_MIN");
        if (min) least = (size_t)atol(min);
        at_start = getenv("GUARD_START") != NULL;
        ready = 1;
    }
    on = state;
}

long guard_blocks(void) { return total; }

static void fail(const char *what) {
    if (write(2, what, strlen(what)) < 0) {}
    abort();
}

static void lacking(const char *what, size_t size) {
    char text[64], digits[24];
    size_t length = strlen(what);
    int count = 0;
    memcpy(text, what, length);
    do { digits[count++] = (char)('0' + size % 10); size /= 10; } while (size);
    while (count) text[length++] = digits[--count];
    text[length++] = '\n';
    if (write(2, text, length) < 0) {}
}

void *mmap(void *at, size_t length, int protection, int flags, int file, off_t offset) {
    void *p = (void *)syscall(SYS_mmap, at, length, protection, flags, file, offset);
    if (p == MAP_FAILED && on) lacking("guard: there is no mapping of ", length);
    return p;
}

/* The slack of a block lies before it where its end is guarded, and behind it where its start is. */
static void slack(const struct block *b, char **from, size_t *count) {
    char *first = at_start ? b->data + b->size : b->base + PAGE;
    char *last = at_start ? b->base + b->whole - PAGE : b->data;
    *from = first;
    *count = (size_t)(last - first);
}

static void *guarded(size_t size, size_t alignment) {
    size_t pages = (size + PAGE - 1) / PAGE * PAGE, whole = pages + 2 * PAGE;
    if (pages < size || whole < pages) return NULL;
    lock();
    int number = vacant;
    if (number >= 0) { vacant = blocks[number].next; alive++; total++; }
    unlock();
    if (number < 0) return NULL;
    char *base = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct block *b = &blocks[number];
    if (base == MAP_FAILED || mprotect(base + PAGE, pages, PROT_READ | PROT_WRITE)) {
        if (base != MAP_FAILED) munmap(base, whole);
        lock(); b->next = vacant; vacant = number; alive--; unlock();
        return NULL;
    }
    char *data = base + PAGE;
    if (!at_start) data = (char *)((uintptr_t)(base + PAGE + pages - size) & ~(uintptr_t)(alignment - 1));
    b->data = data; b->base = base; b->size = size; b->whole = whole;
    char *from; size_t count;
    slack(b, &from, &count);
    memset(from, FILL, count < PAGE ? count : PAGE);
    lock();
    unsigned head = head_of(data);
    b->next = heads[head]; heads[head] = number;
    unlock();
    return data;
}

static int find(const void *p, int remove) {
    if (!alive || !p) return -1;
    lock();
    int *link = &heads[head_of(p)];
    while (*link >= 0 && blocks[*link].data != p) link = &blocks[*link].next;
    int number = *link;
    if (number >= 0 && remove) *link = blocks[number].next;
    unlock();
    return number;
}

static size_t natural(size_t size) {  /* what any object of this size may need */
    return size % 16 == 0 ? 16 : size % 8 == 0 ? 8 : 4;
}

static int taken(size_t size) { return on && size >= least; }

void *malloc(size_t size) {
    void *p = taken(size) ? guarded(size, natural(size)) : NULL;
    if (!p && !(p = __libc_malloc(size)) && on) lacking("guard: there is no block of ", size);
    return p;
}

void *calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) { errno = ENOMEM; return NULL; }
    void *p = taken(bytes) ? guarded(bytes, natural(bytes)) : NULL;
    return p ? p : __libc_calloc(count, size);
}

void free(void *p) {
    int kept = errno, number = find(p, 1);
    if (number < 0) { __libc_free(p); errno = kept; return; }
    struct block *b = &blocks[number];
    char *from; size_t count;
    slack(b, &from, &count);
    for (size_t i = 0; i < count && i < PAGE; i++)
        if ((unsigned char)from[i] != FILL) fail("guard: something was written beside a block\n");
    munmap(b->base, b->whole);
    lock(); b->next = vacant; vacant = number; alive--; unlock();
    errno = kept;
}

void *realloc(void *p, size_t size) {
    int number = find(p, 0);
    if (number < 0 && !(taken(size) && !p)) return __libc_realloc(p, size);
    if (!p) return malloc(size);
    if (!size) { free(p); return NULL; }
    void *q = malloc(size);
    if (!q) return NULL;
    memcpy(q, p, blocks[number].size < size ? blocks[number].size : size);
    free(p);
    return q;
}

void *memalign(size_t alignment, size_t size) {
    void *p = taken(size) && alignment <= PAGE && !(alignment & (alignment - 1)) ? guarded(size, alignment) : NULL;
    return p ? p : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **out, size_t alignment, size_t size) {
    void *p = memalign(alignment, size);
    if (!p) return ENOMEM;
    *out = p;
    return 0;
}

size_t malloc_usable_size(void *p) {
    int number = find(p, 0);
    return number >= 0 ? blocks[number].size : p ? ((size_t *)p)[-1] & ~(size_t)15 : 0;
}
