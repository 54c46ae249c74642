package io.github.wandacuda.library;

/**
 * A device that pruning may run on.
 *
 * @param backend the backend's name, as {@link Pruner.Builder#backend} takes it
 * @param index its number within its backend, as {@link Pruner.Builder#device} takes it
 * @param name what it is called
 * @param usable whether it can be opened
 * @param reason why it can't be used, or how it will be where it can
 */
public record DeviceInfo(String backend, int index, String name, boolean usable, String reason) {}
