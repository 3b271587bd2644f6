// SPDX-License-Identifier: Apache-2.0

package lang

// callable are the views that are written with a pointer, standing are those that stand for a hook's context or the running thread.
var (
	callable = []*view{socketPointerView, tcpView, udpView, packetPointerView, taskView}
	standing = []*view{currentTaskView, packetView, addrView}
)

func allViews() []*view {
	return append(append([]*view{}, callable...), append(standing, addr6View, fullView)...)
}

func callableView(name string) *view {
	for _, v := range callable {
		if v.name == name {
			return v
		}
	}
	return nil
}
