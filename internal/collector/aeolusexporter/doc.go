// SPDX-License-Identifier: Apache-2.0

// Package aeolusexporter sends what agents have reported to controllers: flow batches by flow/v1 and events by OTLP, over
// gRPC with mutual TLS.
//
// It answers when the controller has answered: there is no queue, no batching and no timer on the way. Only where a
// controller is away, and a storage extension is configured, is a report put on disk and answered then; what comes after
// it goes behind it, until the controller is back and the disk is empty again. Each controller has a connection and a
// spool of its own.
package aeolusexporter
