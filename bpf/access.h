// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// How programs read the kernel's structs. An object compiled with OLDER_KERNELS serves kernels before 5.12, where what a
// program keeps with a socket lies in a map: so it comes to sockets by their bare addresses as well, of whose types the
// verifier knows nothing, and reads all of them by helper. Elsewhere memory is read directly, which is faster.
#ifndef AEOLUS_ACCESS_H
#define AEOLUS_ACCESS_H

#include "kernel.h"

#ifdef OLDER_KERNELS

#define READ(from, member) BPF_CORE_READ(from, member)
#define READ_THROUGH(from, pointer, member) BPF_CORE_READ(from, pointer, member)

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

// address_of makes a number of a pointer, with which the verifier allows to calculate.
static __always_inline __u64 address_of(void *pointer)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

// tcp_of is a socket as one of TCP, if it is one. It must be a full socket.
static __always_inline struct tcp_sock *tcp_of(void *pointer)
{
	struct sock *sk = (struct sock *)address_of(pointer);
	__u16 family = READ(sk, __sk_common.skc_family);

	if ((family != AF_INET && family != AF_INET6) || READ(sk, sk_type) != SOCK_STREAM ||
	    READ(sk, sk_protocol) != IPPROTO_TCP)
		return NULL;
	return (struct tcp_sock *)sk;
}

// socket_of is the socket behind a file, if there is one. Inodes of the same mode in other file systems are the names of
// local sockets: what is opened there has no socket that leads back to the file.
static __always_inline struct socket *socket_of(struct file *file)
{
	struct socket *socket;

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return socket && BPF_CORE_READ(socket, file) == file ? socket : NULL;
}

#else

#define READ(from, member) ((from)->member)
#define READ_THROUGH(from, pointer, member) ((from)->pointer->member)

static __always_inline struct task_struct *current_task(void)
{
	return bpf_get_current_task_btf();
}

static __always_inline struct tcp_sock *tcp_of(void *sk)
{
	return bpf_skc_to_tcp_sock(sk);
}

static __always_inline struct socket *socket_of(struct file *file)
{
	return bpf_sock_from_file(file);
}

#endif

#endif
