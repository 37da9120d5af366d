/** The public door of `electorate/testing`: an API server in memory, over HTTP or without. */
export { type AccessRequest, type Authorizer, type Grant, grantedBy, type User } from "./access.ts";
export { ApiServerCore, type ApiServerCoreOptions, type Outcome, type RequestRecord } from "./core.ts";
export type { Fault, FaultRule, Faults, RequestAttributes } from "./faults.ts";
export type { Kubeconfig, KubeconfigObject } from "./kubeconfig.ts";
export { type Delivery, type Message, type Network, perfectNetwork } from "./network.ts";
export type { RequestCount, RequestCounts } from "./request-counts.ts";
export type { Column, CustomResource } from "./resources.ts";
export type { CoreRequest, Verb } from "./routes.ts";
export { type ApiServerOptions, type EmbeddedApiServer, startApiServer } from "./server.ts";
export type { StorageState } from "./storage.ts";
export { type CoreTransportOptions, coreTransport } from "./transport.ts";
export type { Answer, BodyAnswer, StreamAnswer } from "./verbs.ts";
export type { Watch, WatchEnd, WatchListener } from "./watch.ts";
