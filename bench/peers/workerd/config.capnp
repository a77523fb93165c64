# One worker behind one socket; the benchmark gives the address.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "discount", worker = .discount)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "discount")],
);

const discount :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2025-01-01",
);
