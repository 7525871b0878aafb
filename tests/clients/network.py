"""A network of its own for servers and for what they need: namespaces of the kernel, and cuts between any two addresses of it."""

import atexit
import functools
import os
import shutil
import subprocess

#: How many networks there can be at the same time: 10.198.N.0/24. A run takes the first free one from its process id on.
NETWORKS = 256


def ip(*arguments):
    done = subprocess.run(["ip", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"ip {' '.join(map(str, arguments))}: {done.stderr.strip()}"


@functools.cache
def missing():
    """Why there can be no such network here, in words; None when there can."""
    if os.getuid() != 0:
        return "only root makes network namespaces"
    if not shutil.which("ip"):
        return "there is no program 'ip' (Debian: apt-get install iproute2)"
    try:
        network = Network("one")
        try:
            network.cut(network.addresses["one"], network.services)
        finally:
            network.remove()
    except AssertionError as error:
        return f"network namespaces cannot be made: {error}"
    return None


class Network:
    """Members, each in a namespace of its own with a cable to a router, which is in another; so is the end of a cable to where the tests run.

    The tests have two addresses there: `services`, where servers for the members listen, and `clients`, which calls to members come from. So
    a member can lose one and keep the other. What is cut is dropped by the router without a word: both ends see a silent network, as behind a
    switch whose cable is cut, and not an interface that is down."""

    def __init__(self, *members):
        self.number, self.cuts = claimed(), set()
        atexit.register(self.remove)
        first = f"10.198.{self.number}"
        self.gateway, self.clients, self.services = f"{first}.1", f"{first}.2", f"{first}.3"
        self.addresses = {name: f"{first}.{11 + at}" for at, name in enumerate(members)}
        self.router, self.outside = router(self.number), f"tw-{self.number}-tests"
        try:
            self.make()
        except BaseException:
            self.remove()
            raise

    def make(self):
        ip("netns", "exec", self.router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        ip("-n", self.router, "link", "add", "name", "tests", "type", "veth", "peer", "name", self.outside, "netns", os.getpid())
        self.plug("tests", self.clients, (), self.outside)
        ip("address", "add", f"{self.services}/32", "dev", self.outside)
        ip("-n", self.router, "route", "add", self.services, "dev", "tests")
        for name, address in self.addresses.items():
            namespace = self.namespace(name)
            ip("netns", "add", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
            ip("-n", self.router, "link", "add", "name", name, "type", "veth", "peer", "name", "cable", "netns", namespace)
            self.plug(name, address, ("-n", namespace), "cable")
            ip("-n", namespace, "route", "add", "default", "via", self.gateway)
            ip("route", "add", address, "via", self.gateway, "src", self.clients)

    def plug(self, port, address, where, device):
        """A cable's ends get their addresses: that of the router at its port, that of whom it leads to at the device."""
        ip("-n", self.router, "address", "add", self.gateway, "peer", address, "dev", port)
        ip("-n", self.router, "link", "set", "dev", port, "up")
        ip(*where, "address", "add", address, "peer", self.gateway, "dev", device)
        ip(*where, "link", "set", "dev", device, "up")

    def namespace(self, member):
        return f"{self.router}-{member}"

    def inside(self, member):
        """What stands before a command that is to run where the member is."""
        return "ip", "netns", "exec", self.namespace(member)

    def cut(self, one, *others):
        """From now on nothing gets from the address to the others, or back."""
        for other in others:
            for way in ((one, other), (other, one)):
                ip("-n", self.router, "rule", "add", "from", way[0], "to", way[1], "type", "blackhole")
                self.cuts.add(way)

    def mend(self):
        """All is connected again."""
        while self.cuts:
            way = self.cuts.pop()
            ip("-n", self.router, "rule", "delete", "from", way[0], "to", way[1], "type", "blackhole")

    def remove(self):
        """Servers in it have ended by now. Whatever was not made is passed over."""
        commands = [("link", "delete", self.outside)]
        for name in self.addresses:
            commands += [("-n", self.router, "link", "delete", name), ("netns", "delete", self.namespace(name))]
        # Last, for its name is what keeps the number from others.
        for command in (*commands, ("netns", "delete", self.router)):
            try:
                ip(*command)
            except AssertionError:
                pass
        atexit.unregister(self.remove)


def router(number):
    return f"tw-{number}"


def claimed():
    """A number that no other network has; its router's namespace is made, which `ip` makes once."""
    for at in range(NETWORKS):
        number = (os.getpid() + at) % NETWORKS
        try:
            ip("netns", "add", router(number))
            return number
        except AssertionError as error:
            if "File exists" not in str(error):
                raise
    raise AssertionError("all networks are in use, or were left behind (`ip netns list`)")
