/** Reports of what was pruned or compared: their numbers as JSON, and pages with charts. */
package io.github.wandacuda.report;
