package io.github.wandacuda.backend;

/**
 * A device as it is listed for people.
 *
 * @param index its number within its backend, as {@code --device} takes it
 * @param name the device's name as its driver gives it
 * @param usable whether it can be opened
 * @param preferred whether {@code auto} may take it: a GPU, or the processor that is always there
 * @param reason why it can't be used or, if it can, how it will be used
 */
public record DeviceDescription(
    int index, String name, boolean usable, boolean preferred, String reason) {}
