/** What is measured, with its data and its check: for JMH and for the comparison alike. */
package io.github.wandacuda.bench.cases;
