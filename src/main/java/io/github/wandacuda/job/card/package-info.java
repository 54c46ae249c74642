/**
 * What a calibrated run costs on a card, by arithmetic: bytes over its bus, and time by its rates.
 */
package io.github.wandacuda.job.card;
