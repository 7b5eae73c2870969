/* A backend for ggml that computes products of Q8_0 weights with a few columns, for x86 with AVX2.
 *
 * A circle decodes a handful of sequences at once, so every product with a weight matrix has a handful of columns. ggml's own kernel for
 * several columns walks through four rows of weights at a time, which hides no memory latency, and reads the weights once more for the
 * columns that do not fill its tiles. This one goes through the weights once, two rows at a time, asks for the rows to come in advance and
 * holds all columns (up to eight at a time) against them. Per element it adds in the same order as ggml's kernel for one column.
 *
 * ggml sees a device of the kind "accelerator": the scheduler asks it about every operation and gives it those it supports. Weights stay
 * where they are, in ordinary memory. What is used of ggml's structures stands in ggml_plugin.h and is checked at run time.
 */

#include <immintrin.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "ggml_plugin.h"

enum { BLOCK = 32, BLOCK_BYTES = 34, TYPE_F32 = 0, TYPE_Q8_0 = 8, AHEAD = 4, GROUP = 8, MOST_NODES = 64, CHUNK_BYTES = 1 << 17 };

static struct functions ggml;
static int mul_mat = -1;
static int least_columns = 2, most_columns = 1 << 20;

/* --- the kernel */

/* Quantized columns in groups of up to eight: block after block, and of each block column after column, as the kernel reads them. */
struct columns {
    const int8_t *quants;
    const float *scales;
    size_t blocks, count, groups;
};

static inline size_t first_of(const struct columns *in, size_t group) { return group * in->count / in->groups; }

static inline float sum_of(__m256 x) {
    __m128 sum = _mm_add_ps(_mm256_extractf128_ps(x, 1), _mm256_castps256_ps128(x));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

/* ROWS rows of weights times COLUMNS columns. AVX2 multiplies unsigned with signed bytes, hence |w| * (sign of w * x). */
#define TILE(ROWS, COLUMNS)                                                                                                        \
    static void tile_##ROWS##_##COLUMNS(const char *weights, size_t stride, const int8_t *quants, const float *scales, size_t blocks,\
                                        size_t ahead, float *out, size_t out_stride) {                                             \
        const __m256i ones = _mm256_set1_epi16(1);                                                                                 \
        __m256 sums[ROWS][COLUMNS];                                                                                                \
        for (int row = 0; row < ROWS; row++)                                                                                       \
            for (int column = 0; column < COLUMNS; column++) sums[row][column] = _mm256_setzero_ps();                              \
        for (; blocks--; weights += BLOCK_BYTES, quants += GROUP * BLOCK, scales += GROUP)                                         \
            for (int row = 0; row < ROWS; row++) {                                                                                 \
                const char *at = weights + row * stride;                                                                           \
                _mm_prefetch(at + ahead, _MM_HINT_T0);                                                                             \
                uint16_t half;                                                                                                     \
                memcpy(&half, at, sizeof half);                                                                                    \
                const __m256 scale = _mm256_set1_ps(_cvtsh_ss(half));                                                              \
                const __m256i weight = _mm256_loadu_si256((const __m256i *)(at + 2));                                              \
                const __m256i size = _mm256_sign_epi8(weight, weight);                                                             \
                for (int column = 0; column < COLUMNS; column++) {                                                                 \
                    __m256i x = _mm256_loadu_si256((const __m256i *)(quants + column * BLOCK));                                    \
                    x = _mm256_madd_epi16(ones, _mm256_maddubs_epi16(size, _mm256_sign_epi8(x, weight)));                          \
                    const __m256 both = _mm256_mul_ps(scale, _mm256_broadcast_ss(scales + column));                                \
                    sums[row][column] = _mm256_fmadd_ps(both, _mm256_cvtepi32_ps(x), sums[row][column]);                           \
                }                                                                                                                  \
            }                                                                                                                      \
        for (int row = 0; row < ROWS; row++)                                                                                       \
            for (int column = 0; column < COLUMNS; column++) out[column * out_stride + row] = sum_of(sums[row][column]);           \
    }

#define TILES(COLUMNS) TILE(1, COLUMNS) TILE(2, COLUMNS)
TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6) TILES(7) TILES(8)

typedef void (*tile)(const char *, size_t, const int8_t *, const float *, size_t, size_t, float *, size_t);
static const tile tiles[2][GROUP + 1] = {
    {0, tile_1_1, tile_1_2, tile_1_3, tile_1_4, tile_1_5, tile_1_6, tile_1_7, tile_1_8},
    {0, tile_2_1, tile_2_2, tile_2_3, tile_2_4, tile_2_5, tile_2_6, tile_2_7, tile_2_8},
};

/* A chunk of rows times all columns: the rows come from memory for the first group of columns and from the cache for the others. */
static void multiply(const char *weights, size_t stride, size_t rows, const struct columns *in, float *out, size_t out_stride) {
    for (size_t group = 0; group < in->groups; group++) {
        const size_t first = first_of(in, group), width = first_of(in, group + 1) - first, at = group * in->blocks * GROUP;
        for (size_t row = 0; row < rows; row += 2)
            tiles[rows - row > 1][width](weights + row * stride, stride, in->quants + at * BLOCK, in->scales + at, in->blocks,
                                         group == 0 ? AHEAD * stride : 0, out + first * out_stride + row, out_stride);
    }
}

/* Quantize one block as ggml does: to the nearest of 127 steps, with a scale rounded to 16 bits. */
static void quantize(const float *x, int8_t *quants, float *scale) {
    __m256 part[4], most = _mm256_setzero_ps();
    for (int i = 0; i < 4; i++) {
        part[i] = _mm256_loadu_ps(x + 8 * i);
        most = _mm256_max_ps(most, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), part[i]));
    }
    __m128 max = _mm_max_ps(_mm256_extractf128_ps(most, 1), _mm256_castps256_ps128(most));
    max = _mm_max_ps(max, _mm_movehl_ps(max, max));
    const float top = _mm_cvtss_f32(_mm_max_ss(max, _mm_movehdup_ps(max)));
    *scale = _cvtsh_ss(_cvtss_sh(top / 127.0f, 0));
    const __m256 factor = _mm256_set1_ps(top != 0.0f ? 127.0f / top : 0.0f);
    __m256i whole[4];
    for (int i = 0; i < 4; i++)
        whole[i] = _mm256_cvtps_epi32(_mm256_round_ps(_mm256_mul_ps(part[i], factor), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    const __m256i low = _mm256_packs_epi32(whole[0], whole[1]), high = _mm256_packs_epi32(whole[2], whole[3]);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256((__m256i *)quants, _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order));
}

/* --- a run of operations, on several threads */

struct work {
    struct tensor *nodes[MOST_NODES];
    atomic_size_t next[MOST_NODES]; /* rows of that node which are given out */
    int count;
};

struct backend_state {
    int threads;
    int8_t *quants;
    float *scales;
    size_t room;
};

static int make_room(struct backend_state *state, size_t elements) {
    if (elements <= state->room) return 1;
    free(state->quants);
    free(state->scales);
    state->quants = malloc(elements);
    state->scales = malloc(elements / BLOCK * sizeof(float));
    state->room = state->quants && state->scales ? elements : 0;
    return state->room != 0;
}

static size_t groups_of(const struct tensor *input) { return (input->ne[1] + GROUP - 1) / GROUP; }

/* Quantize this thread's share of the columns. */
static void prepare(const struct tensor *input, const struct columns *in, size_t thread, size_t threads) {
    const size_t all = in->groups * in->blocks;
    for (size_t block = all * thread / threads; block < all * (thread + 1) / threads; block++) {
        const size_t group = block / in->blocks, first = first_of(in, group), width = first_of(in, group + 1) - first;
        const char *from = (const char *)input->data + first * input->nb[1] + block % in->blocks * BLOCK * sizeof(float);
        for (size_t column = 0; column < width; column++)
            quantize((const float *)(from + column * input->nb[1]), (int8_t *)in->quants + (block * GROUP + column) * BLOCK,
                     (float *)in->scales + block * GROUP + column);
    }
}

static void run_share(const struct backend_state *state, struct work *work, size_t thread, size_t threads) {
    const struct tensor *input = NULL;
    struct columns in = {.quants = state->quants, .scales = state->scales};
    for (int i = 0; i < work->count; i++) {
        const struct tensor *node = work->nodes[i], *weights = node->src[0];
        const size_t rows = weights->ne[1];
        if (node->src[1] != input) {
            input = node->src[1];
            in.blocks = input->ne[0] / BLOCK;
            in.count = input->ne[1];
            in.groups = groups_of(input);
#pragma omp barrier
            prepare(input, &in, thread, threads);
#pragma omp barrier
        }
        const size_t fits = CHUNK_BYTES / weights->nb[1];
        size_t step = rows / (8 * threads);
        step = (step > fits ? fits : step) & ~(size_t)1;
        if (step < 8) step = 8;
        for (size_t row; (row = atomic_fetch_add_explicit(&work->next[i], step, memory_order_relaxed)) < rows;) {
            const char *at = (const char *)weights->data + row * weights->nb[1];
            const size_t many = rows - row < step ? rows - row : step;
            multiply(at, weights->nb[1], many, &in, (float *)node->data + row, node->nb[1] / sizeof(float));
        }
    }
}

static int run(struct backend_state *state, struct work *work) {
    size_t room = 0;
    for (int i = 0; i < work->count; i++) {
        const struct tensor *input = work->nodes[i]->src[1];
        const size_t needed = groups_of(input) * GROUP * input->ne[0];
        if (needed > room) room = needed;
        atomic_init(&work->next[i], 0);
    }
    if (!make_room(state, room)) return 0;
#pragma omp parallel num_threads(state->threads)
    run_share(state, work, omp_get_thread_num(), omp_get_num_threads());
    work->count = 0;
    return 1;
}

static enum status graph_compute(struct backend *backend, void *graph) {
    struct work work = {.count = 0};
    const int nodes = ggml.graph_n_nodes(graph);
    for (int i = 0; i < nodes; i++) {
        struct tensor *node = ggml.graph_node(graph, i);
        if ((int)node->op != mul_mat) continue; /* views, which need no work */
        work.nodes[work.count++] = node;
        if (work.count == MOST_NODES && !run(backend->context, &work)) return STATUS_ALLOC_FAILED;
    }
    return work.count == 0 || run(backend->context, &work) ? STATUS_SUCCESS : STATUS_ALLOC_FAILED;
}

/* --- what ggml asks for */

static const char *name(void) { return "mallku"; }
static const char *name_of_backend(struct backend *backend) { return (void)backend, name(); }
static const char *name_of_device(struct device *device) { return (void)device, name(); }
static const char *description(struct device *device) { return (void)device, "Q8_0 weights times a few columns"; }
static const char *name_of_registry(struct registry *registry) { return (void)registry, name(); }

static void memory(struct device *device, size_t *free_bytes, size_t *total_bytes) {
    (void)device;
    *free_bytes = *total_bytes = 0;
}

static int kind(struct device *device) { return (void)device, DEVICE_ACCELERATOR; }

static void properties(struct device *device, struct properties *found) {
    *found = (struct properties){.name = name(), .description = description(device), .type = DEVICE_ACCELERATOR};
    found->buffer_from_host_pointer = found->memory_map = 1;
}

static void *buffer_type(struct device *device) { return (void)device, ggml.cpu_buffer_type(); }

static void *buffer_from_pointer(struct device *device, void *at, size_t size, size_t largest) {
    return (void)device, (void)largest, ggml.cpu_buffer_from_ptr(at, size);
}

static bool supports_operation(struct device *device, const struct tensor *node) {
    (void)device;
    if ((int)node->op != mul_mat) return false;
    const struct tensor *weights = node->src[0], *input = node->src[1];
    return weights->type == TYPE_Q8_0 && input->type == TYPE_F32 && node->type == TYPE_F32 && node->op_params[1] == 0
        && input->ne[1] >= least_columns && input->ne[1] <= most_columns && input->ne[2] == 1 && input->ne[3] == 1
        && weights->ne[2] == 1 && weights->ne[3] == 1 && weights->ne[0] % BLOCK == 0 && weights->nb[0] == BLOCK_BYTES
        && input->nb[0] == sizeof(float) && node->nb[0] == sizeof(float) && node->nb[1] % sizeof(float) == 0;
}

static bool supports_buffer(struct device *device, void *type) { return (void)device, ggml.buft_is_host(type); }

static void free_backend(struct backend *backend) {
    struct backend_state *state = backend->context;
    free(state->quants);
    free(state->scales);
    free(state);
    free(backend);
}

static void set_threads(struct backend *backend, int threads) { ((struct backend_state *)backend->context)->threads = threads; }

static struct backend *new_backend(struct device *device, const char *parameters) {
    (void)parameters;
    static uint8_t identity[16] = {0x6d, 0x61, 0x6c, 0x6c, 0x6b, 0x75, 0x2d, 0x66, 0x65, 0x77, 0x2d, 0x63, 0x6f, 0x6c, 0x73, 0x31};
    struct backend *made = calloc(1, sizeof *made);
    struct backend_state *state = calloc(1, sizeof *state);
    if (!made || !state) return free(made), free(state), NULL;
    state->threads = 1;
    made->identity = &identity;
    made->interface.get_name = name_of_backend;
    made->interface.free = free_backend;
    made->interface.graph_compute = graph_compute;
    made->device = device;
    made->context = state;
    return made;
}

static size_t count_devices(struct registry *registry) { return (void)registry, 1; }

static struct device *get_device(struct registry *registry, size_t index) {
    static struct device device = {
        .interface = {
            .get_name = name_of_device, .get_description = description, .get_memory = memory, .get_type = kind, .get_props = properties,
            .init_backend = new_backend, .get_buffer_type = buffer_type, .buffer_from_host_ptr = buffer_from_pointer,
            .supports_op = supports_operation, .supports_buft = supports_buffer,
        },
    };
    (void)index;
    device.registry = registry;
    return &device;
}

static void *find_function(struct registry *registry, const char *wanted) {
    (void)registry;
    return strcmp(wanted, "ggml_backend_set_n_threads") == 0 ? (void *)set_threads : NULL;
}

/* Called by ggml_backend_load, which compares the version. */
__attribute__((visibility("default"))) struct registry *ggml_backend_init(void) {
    static struct registry registry = {
        .version = PLUGIN_VERSION,
        .interface = {.get_name = name_of_registry, .get_device_count = count_devices, .get_device = get_device, .get_proc_address = find_function},
    };
    return &registry;
}

/* --- what mallku calls, before ggml_backend_load */

/* Compare ggml's structures with ours and take its functions; returns whether they agree and the processor has what is needed. */
__attribute__((visibility("default"))) int mallku_connect(const struct functions *theirs) {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) return 0;
    void *context = theirs->init((struct init_parameters){.memory_size = 1 << 16, .no_alloc = 1});
    if (!context) return 0;
    struct tensor *weights = theirs->new_tensor_2d(context, TYPE_Q8_0, 96, 10), *input = theirs->new_tensor_2d(context, TYPE_F32, 96, 3);
    struct tensor *product = theirs->mul_mat(context, weights, input);
    int agree = weights->type == TYPE_Q8_0 && weights->ne[0] == 96 && weights->ne[1] == 10 && weights->nb[0] == BLOCK_BYTES
        && weights->nb[1] == 3 * BLOCK_BYTES && input->nb[1] == 96 * sizeof(float) && product->ne[0] == 10 && product->ne[1] == 3
        && product->src[0] == weights && product->src[1] == input && !product->src[2] && product->op != weights->op
        && strcmp(theirs->op_name(product->op), "MUL_MAT") == 0;
    if (agree) {
        product->data = context;
        agree = theirs->get_data(product) == context;
    }
    if (agree) {
        ggml = *theirs;
        mul_mat = product->op;
    }
    theirs->free(context);
    return agree;
}

/* Set for which numbers of columns the kernel is used. */
__attribute__((visibility("default"))) void mallku_set_columns(int least, int most) {
    least_columns = least;
    most_columns = most;
}
