package io.github.wandacuda.backend;

/**
 * A device as a person would want it listed.
 *
 * @param index its number within its backend, as {@code --device} takes it
 * @param preferred whether {@code auto} may take it: a GPU, or the processor that is always there
 * @param reason why it can't be used, or how it will be where it can
 */
public record DeviceDescription(
    int index, String name, boolean usable, boolean preferred, String reason) {}
