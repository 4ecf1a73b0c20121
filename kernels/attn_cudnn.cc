/* SPDX-License-Identifier: MIT */
/* attn_cudnn.cc - see attn_cudnn.h.
 *
 * cuDNN is told what to compute as a graph of operations, for which it makes a plan.  That takes
 * some tenths of a second, so plans are kept, and made for numbers of rows and lengths that are
 * rounded up: rows that are not there are empty.  Where rows begin and how long they are is read on
 * the device.
 *
 * The gradient is asked for in a way that gives equal bits each time.  On Hopper that writes ds,
 * 2 bytes for each head, query and key, which may be more than there is room for: then some heads
 * are computed at a time.
 */
#include "attn_cudnn.h"

#include <dlfcn.h>
#include <string.h>

#include <memory>
#include <unordered_map>
#include <vector>

#define NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
#include <cudnn_frontend.h>

namespace cudnn_frontend
{
void *cudnn_dlhandle;
}

using namespace cudnn_frontend;
typedef std::shared_ptr<graph::Tensor_attributes> tensor;

/* A graph's tensors: the matrices, where their rows begin (AT + matrix), and how long those are.
 * Their numbers in the graph are one more. */
enum { AT = MATS, QUERIES = AT + MATS, KEYS };

/* What a plan is made for: so many rows of at most so many queries and keys, `kv` key heads at a
 * time, matrices whose rows lie so far apart. */
struct shape {
	long back, rows, queries, keys, kv, ld[MATS];
	struct heads heads;
};

struct attn_plan {
	struct shape shape;
	std::shared_ptr<graph::Graph> graph; /* none where cuDNN cannot */
	size_t work;                         /* bytes of scratch that it wants */
};

struct cudnn {
	cudnnHandle_t handle; /* NULL where there is no cuDNN */
	size_t most;          /* bytes of scratch that a plan may want */
	std::vector<struct attn_plan> plans;
};

static struct cudnn *opened(struct dev *d)
{
	struct cuda *c = cuda_of(d);
	struct cudnn *n = c->dnn;
	size_t spare, all;

	if (n)
		return n;
	n = c->dnn = new struct cudnn();
	cudnn_dlhandle = dlopen("libcudnn.so.9", RTLD_NOW);
	if (!cudnn_dlhandle || detail::create_handle(&n->handle) ||
	    detail::set_stream(n->handle, c->stream)) {
		n->handle = NULL;
		return n;
	}
	CUDA_OK(cudaMemGetInfo(&spare, &all));
	n->most = all / 32; /* half of what cuda_spare leaves out */
	return n;
}

void cudnn_close(struct cudnn *c)
{
	if (!c)
		return;
	c->plans.clear();
	if (c->handle)
		detail::destroy_handle(c->handle);
	delete c;
}

static tensor numbers(graph::Graph &g, int name, long n)
{
	return g.tensor(graph::Tensor_attributes()
	                        .set_uid(name + 1)
	                        .set_dim({n, 1, 1, 1})
	                        .set_stride({1, 1, 1, 1})
	                        .set_data_type(DataType_t::INT32));
}

/* How many heads a matrix has for each key head, and how far they lie apart. */
static long each_of(struct heads h, int name) { return is_of_keys(name) ? 1 : h.q / h.kv; }

static long stride_of(struct heads h, int name)
{
	if (is_of_keys(name))
		return h.kv_stride;
	if (name == Q || name == DQ)
		return h.q_stride;
	return name == STATS ? 1 : h.dim;
}

/* A matrix as a tensor: rows, heads, tokens, columns. */
static graph::Tensor_attributes matrix(graph::Graph &g, const struct shape &s, int name)
{
	long tokens = is_of_keys(name) ? s.keys : s.queries, cols = name == STATS ? 1 : s.heads.dim;

	return graph::Tensor_attributes()
	        .set_uid(name + 1)
	        .set_dim({s.rows, s.kv * each_of(s.heads, name), tokens, cols})
	        .set_stride({tokens * s.ld[name], stride_of(s.heads, name), s.ld[name], 1})
	        .set_ragged_offset(numbers(g, AT + name, s.rows + 1))
	        .set_data_type(name == STATS ? DataType_t::FLOAT : DataType_t::BFLOAT16);
}

/* What a query sees: its row's last query sees the last key. */
template <class A> static A seen(A a, graph::Graph &g, const struct shape &s)
{
	a.set_attn_scale(s.heads.scale)
		.set_padding_mask(true)
		.set_seq_len_q(numbers(g, QUERIES, s.rows))
		.set_seq_len_kv(numbers(g, KEYS, s.rows))
		.set_diagonal_alignment(DiagonalAlignment_t::BOTTOM_RIGHT)
		.set_diagonal_band_right_bound(0);
	if (s.heads.window)
		a.set_diagonal_band_left_bound(s.heads.window);
	return a;
}

static std::shared_ptr<graph::Graph> graph_of(const struct shape &s)
{
	auto made = std::make_shared<graph::Graph>();
	graph::Graph &g = *made;
	auto input = [&](int name) { return g.tensor(matrix(g, s, name)); };
	auto output = [&](int name, tensor y) { *y = matrix(g, s, name).set_output(true); };

	g.set_io_data_type(DataType_t::BFLOAT16)
		.set_intermediate_data_type(DataType_t::FLOAT)
		.set_compute_data_type(DataType_t::FLOAT);
	if (!s.back) {
		auto how = graph::SDPA_attributes().set_generate_stats(true);
		auto y = g.sdpa(input(Q), input(K), input(V), seen(how, g, s));

		output(O, y[0]);
		output(STATS, y[1]);
	} else {
		auto how = graph::SDPA_backward_attributes().set_deterministic_algorithm(true);
		auto y = g.sdpa_backward(input(Q), input(K), input(V), input(O), input(DOUT),
		                         input(STATS), seen(how, g, s));

		output(DQ, y[0]);
		output(DK, y[1]);
		output(DV, y[2]);
	}
	return made;
}

/* A plan for `shape`, of as many heads at a time as there is room for. */
static struct attn_plan made(struct cudnn *c, struct shape shape)
{
	struct attn_plan p = {shape, NULL, 0};
	int64_t bytes = 0;

	for (p.shape.kv = shape.heads.kv; p.shape.kv; p.shape.kv--) {
		if (shape.heads.kv % p.shape.kv)
			continue;
		p.graph = graph_of(p.shape);
		if (p.graph->build(c->handle, {HeurMode_t::A}).is_bad() ||
		    p.graph->get_workspace_size(bytes).is_bad())
			break;
		p.work = bytes;
		if (p.work <= c->most)
			return p;
	}
	p.graph = NULL;
	return p;
}

static const struct attn_plan *plan_for(struct cudnn *c, struct shape shape)
{
	for (const struct attn_plan &p : c->plans) {
		shape.kv = p.shape.kv;
		if (!memcmp(&p.shape, &shape, sizeof shape))
			return &p;
	}
	c->plans.push_back(made(c, shape));
	return &c->plans.back();
}

/* n rounded up to a power of two; beyond 1024, where empty room begins to cost, to one of four
 * numbers from one to the next. */
static long rounded(long n, long least)
{
	long to = least;

	while (to < n)
		to *= 2;
	for (long step = to / 8; to > 1024 && to - step >= n;)
		to -= step;
	return to;
}

static bool is_wide_each(const struct mat *m, int n)
{
	for (int i = 0; i < n; i++)
		if (m[i].type != DT_BF16 || !is_wide(m[i]) || m[i].rows * m[i].ld > INT32_MAX)
			return false;
	return true;
}

/* The shape of a call.  ld 0: that matrix is none of it. */
static struct shape shape_of(const struct mat *m, struct spans spans, struct heads h, int back)
{
	struct shape s;

	memset(&s, 0, sizeof s); /* all of its bytes are compared */
	s.back = back;
	s.rows = rounded(spans.n, 1);
	s.keys = rounded(spans.longest, 64);
	s.queries = spans.longest < m[Q].rows ? s.keys : rounded(m[Q].rows, 64);
	s.heads = h;
	for (int i = 0; i < (back ? STATS : O + 1); i++)
		s.ld[i] = m[i].ld;
	s.ld[STATS] = h.q;
	return s;
}

/* Runs a plan on the heads from key head kv on. */
static void run(struct cudnn *c, const struct attn_plan *p, const struct mat *m, float *lse,
                int32_t *at, void *work, long kv)
{
	const struct shape &s = p->shape;
	std::unordered_map<int64_t, void *> tensors;

	for (int i = 0; i < MATS; i++) {
		long first = kv * each_of(s.heads, i) * stride_of(s.heads, i);

		if (!s.ld[i])
			continue;
		tensors[i + 1] = i == STATS ? (void *)(lse + first) : (bf16 *)m[i].p + first;
		tensors[AT + i + 1] = at + i * RAGGED(s.rows);
	}
	tensors[QUERIES + 1] = at + MATS * RAGGED(s.rows);
	tensors[KEYS + 1] = at + (MATS + 1) * RAGGED(s.rows);
	auto e = p->graph->execute(c->handle, tensors, work);
	if (e.is_bad())
		die("cuDNN: attention: %s", e.get_message().c_str());
}

int cudnn_attn(struct dev *d, const struct mat m[], float *lse, struct spans spans, struct heads h,
               int back)
{
	struct cudnn *c;
	const struct attn_plan *p;
	size_t ragged, stats = lse ? 0 : m[Q].rows * h.q * sizeof *lse;
	char *work;

	if (h.cap != 0 || h.dim % 8 || h.q_stride % 8 || h.kv_stride % 8 ||
	    m[Q].rows < ATTN_MANY * (long)spans.n || !is_wide_each(m, back ? STATS : O + 1))
		return 0;
	c = opened(d);
	p = c->handle ? plan_for(c, shape_of(m, spans, h, back)) : NULL;
	if (!p || !p->graph)
		return 0;
	ragged = (MATS + 2) * RAGGED(p->shape.rows) * sizeof(int32_t);
	ragged = (ragged + 255) / 256 * 256;
	stats = (stats + 255) / 256 * 256;
	work = (char *)cuda_work(d, ragged + stats + p->work);
	cuda_ragged(d, (int32_t *)work, spans, (int)p->shape.rows, p->shape.ld);
	if (!lse)
		lse = (float *)(work + ragged);
	for (long kv = 0; kv < h.kv; kv += p->shape.kv)
		run(c, p, m, lse, (int32_t *)work, work + ragged + stats, kv);
	return 1;
}
