/**
 * JSON as trees that are read and maps that are written, on Jackson's streams alone. Its
 * ObjectMapper would do both, but it prepares for classes of any kind: setting one up costs a short
 * command 0.15 s of CPU time.
 */
package io.github.wandacuda.io.json;
