package wire

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// maxMessage keeps a status below the limit of HTTP/2 headers.
const maxMessage = 4 << 10

// ToStatus converts a component's error to a gRPC status.
func ToStatus(err error) error {
	if errors.Is(err, context.Canceled) {
		return status.Error(codes.Canceled, "cancelled")
	}
	f := &pluginpb.Failure{Fault: pluginpb.Fault_FAULT_INPUT, Retryable: sdk.IsTemporary(err)}
	if d, ok := sdk.AsDiagnostics(err); ok {
		f.Diagnostics = ToDiagnostics(d)
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.EIO) {
		f.Fault = pluginpb.Fault_FAULT_MACHINE
	}
	return Status(codes.Unknown, err.Error(), f)
}

// Status makes a gRPC status with a Failure among its details.
func Status(code codes.Code, message string, f *pluginpb.Failure) error {
	if len(message) > maxMessage {
		message = message[:maxMessage] + "…"
	}
	if !utf8.ValidString(message) {
		message = strings.ToValidUTF8(message, "�")
	}
	st := status.New(code, message)
	if with, err := st.WithDetails(f); err == nil {
		st = with
	}
	return st.Err()
}

// FailureOf returns the Failure in err, or nil.
func FailureOf(err error) *pluginpb.Failure {
	for _, d := range status.Convert(err).Details() {
		if f, ok := d.(*pluginpb.Failure); ok {
			return f
		}
	}
	return nil
}
