/** What the benchmarks of all devices share: generated models, runs of programs, tables. */
package io.github.wandacuda.bench.common;
