package io.github.wandacuda.backend;

import io.github.wandacuda.error.BackendUnavailableException;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** Finds the backends that are on the class path and opens one of their devices. */
public final class Backends {
  /** The name that stands for the first backend with a usable device. */
  public static final String AUTO = "auto";

  private Backends() {}

  /**
   * A device that was opened, and why it was this one.
   *
   * @param backend the open device
   * @param reason for people
   */
  public record Choice(Backend backend, String reason) {}

  /** Returns every backend, in the order in which {@code auto} tries them. */
  public static List<BackendProvider> providers() {
    return ServiceLoader.load(BackendProvider.class, Backends.class.getClassLoader()).stream()
        .map(ServiceLoader.Provider::get)
        .sorted(Comparator.comparingInt(BackendProvider::order))
        .toList();
  }

  /**
   * Opens a device.
   *
   * @param name a backend's name, or {@link #AUTO}
   * @param device the device's index within its backend
   * @param threads CPU threads to use, 1 or more
   * @throws BackendUnavailableException if there is no such backend or device, or it can't be used
   */
  public static Choice open(String name, int device, int threads) {
    List<BackendProvider> providers = providers();
    return name.equals(AUTO)
        ? openFirst(providers, device, threads)
        : openNamed(providers, name, device, threads);
  }

  private static Choice openNamed(
      List<BackendProvider> providers, String name, int device, int threads) {
    BackendProvider provider =
        providers.stream()
            .filter(candidate -> candidate.name().equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    new BackendUnavailableException(
                        "no backend is called %s; this build has %s"
                            .formatted(name, names(providers))));
    DeviceDescription description = describe(provider, device);
    if (!description.usable()) {
      throw new BackendUnavailableException(
          "%s device %d (%s) can't be used: %s"
              .formatted(name, device, description.name(), description.reason()));
    }
    return new Choice(provider.open(device, threads), "asked for");
  }

  private static Choice openFirst(List<BackendProvider> providers, int device, int threads) {
    StringBuilder passed = new StringBuilder();
    for (BackendProvider provider : providers) {
      for (DeviceDescription description : provider.devices()) {
        if (description.usable() && description.index() == device) {
          String reason =
              passed.isEmpty() ? "the first usable backend" : "passed over" + passed.toString();
          return new Choice(provider.open(device, threads), reason);
        }
        passed.append(" %s (%s)".formatted(provider.name(), description.reason()));
      }
    }
    throw new BackendUnavailableException(
        "no backend has a usable device %d; this build has %s".formatted(device, names(providers)));
  }

  private static DeviceDescription describe(BackendProvider provider, int device) {
    List<DeviceDescription> devices = provider.devices();
    return devices.stream()
        .filter(candidate -> candidate.index() == device)
        .findFirst()
        .orElseThrow(
            () ->
                new BackendUnavailableException(
                    "%s has no device %d; it has %d, counted from 0"
                        .formatted(provider.name(), device, devices.size())));
  }

  private static String names(List<BackendProvider> providers) {
    return providers.stream().map(BackendProvider::name).collect(Collectors.joining(", "));
  }
}
