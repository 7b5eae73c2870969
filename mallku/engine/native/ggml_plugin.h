/* What a backend shows ggml and uses of it: the plugin interface, version 2, in the order in which ggml lays it out.
 *
 * llama-cpp-python ships no headers for backends. The version is compared by ggml_backend_load, and the fields of a tensor by mallku_connect.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLUGIN_VERSION = 2, DEVICE_ACCELERATOR = 3 };
enum status { STATUS_ALLOC_FAILED = -2, STATUS_SUCCESS = 0 };

struct tensor {
    int type;
    void *buffer;
    int64_t ne[4]; /* elements of each dimension */
    size_t nb[4];  /* bytes from one to the next */
    int op;
    int32_t op_params[16];
    int32_t flags;
    struct tensor *src[10];
    struct tensor *view_src;
    size_t view_offset;
    void *data;
};

struct init_parameters {
    size_t memory_size;
    void *memory;
    bool no_alloc;
};

/* Functions of ggml, in the order in which native.py hands them over. */
struct functions {
    void *(*init)(struct init_parameters);
    void (*free)(void *);
    struct tensor *(*new_tensor_2d)(void *, int, int64_t, int64_t);
    struct tensor *(*mul_mat)(void *, struct tensor *, struct tensor *);
    void *(*get_data)(const struct tensor *);
    const char *(*op_name)(int);
    int (*graph_n_nodes)(void *);
    struct tensor *(*graph_node)(void *, int);
    bool (*buft_is_host)(void *);
    void *(*cpu_buffer_type)(void);
    void *(*cpu_buffer_from_ptr)(void *, size_t);
};

struct backend;
struct device;
struct registry;
typedef void (*unused)(void);

struct backend {
    uint8_t (*identity)[16];
    struct {
        const char *(*get_name)(struct backend *);
        void (*free)(struct backend *);
        unused asynchronous[5], synchronize, plans[4];
        enum status (*graph_compute)(struct backend *, void *);
        unused events[2], optimize;
    } interface;
    struct device *device;
    void *context;
};

struct properties {
    const char *name, *description;
    size_t memory_free, memory_total;
    int type;
    const char *identity;
    bool asynchronous, host_buffer, buffer_from_host_pointer, events, memory_map;
};

struct device {
    struct {
        const char *(*get_name)(struct device *);
        const char *(*get_description)(struct device *);
        void (*get_memory)(struct device *, size_t *, size_t *);
        int (*get_type)(struct device *);
        void (*get_props)(struct device *, struct properties *);
        struct backend *(*init_backend)(struct device *, const char *);
        void *(*get_buffer_type)(struct device *);
        unused get_host_buffer_type;
        void *(*buffer_from_host_ptr)(struct device *, void *, size_t, size_t);
        bool (*supports_op)(struct device *, const struct tensor *);
        bool (*supports_buft)(struct device *, void *);
        unused offload, events[3];
    } interface;
    struct registry *registry;
    void *context;
};

struct registry {
    int version;
    struct {
        const char *(*get_name)(struct registry *);
        size_t (*get_device_count)(struct registry *);
        struct device *(*get_device)(struct registry *, size_t);
        void *(*get_proc_address)(struct registry *, const char *);
    } interface;
    void *context;
};
