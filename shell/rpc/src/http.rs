//! HTTP with limits: one request, one capped answer.
