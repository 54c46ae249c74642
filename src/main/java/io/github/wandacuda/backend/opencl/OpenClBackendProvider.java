package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.backend.gpu.GpuBackend;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.system.OnFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Offers the devices of all OpenCL platforms; a device of two platforms is listed twice. {@code
 * auto} uses only GPUs, since processors are faster without OpenCL.
 */
public final class OpenClBackendProvider implements BackendProvider {
  private static final int ORDER = 1000;

  private final List<String> libraries;
  private final KernelSources sources;

  /** Creates the provider; for {@link java.util.ServiceLoader}. */
  public OpenClBackendProvider() {
    this(OpenClLibrary.names(), KernelSources.packed());
  }

  /**
   * Creates a provider of other kernels.
   *
   * @param libraries possible names of OpenCL's loader, which are tried in turn
   * @param sources where kernels are read from
   */
  OpenClBackendProvider(List<String> libraries, KernelSources sources) {
    this.libraries = libraries;
    this.sources = sources;
  }

  @Override
  public String name() {
    return OpenClDevice.BACKEND;
  }

  @Override
  public int order() {
    return ORDER;
  }

  @Override
  public List<DeviceDescription> devices() {
    try {
      return descriptions(targets().stream().map(OpenClTarget::facts).toList());
    } catch (RuntimeException | LinkageError e) {
      return List.of(
          new DeviceDescription(0, "OpenCL device", false, false, Printable.firstLine(e)));
    }
  }

  public static List<DeviceDescription> descriptions(List<DeviceFacts> devices) {
    List<DeviceDescription> descriptions = new ArrayList<>();
    for (DeviceFacts facts : devices) {
      Optional<String> problem = facts.problem();
      descriptions.add(
          new DeviceDescription(
              descriptions.size(),
              facts.name(),
              problem.isEmpty(),
              problem.isEmpty() && facts.gpu(),
              problem.orElseGet(facts::summary)));
    }
    return descriptions;
  }

  /** Returns all devices, at least one. */
  private List<OpenClTarget> targets() {
    Optional<String> problem = OpenClLibrary.problem(libraries);
    if (problem.isPresent()) {
      throw new BackendUnavailableException(problem.get());
    }
    List<OpenClTarget> targets = OpenClTarget.all();
    if (targets.isEmpty()) {
      throw new BackendUnavailableException(
          "the OpenCL loader knows no driver with a device; on Linux, drivers are listed in"
              + " /etc/OpenCL/vendors");
    }
    return targets;
  }

  @Override
  public Backend open(int device, int threads, Precision precision) {
    List<OpenClTarget> targets = targets();
    if (device < 0 || device >= targets.size()) {
      throw new BackendUnavailableException(
          "opencl has no device %d; it has %d, counted from 0".formatted(device, targets.size()));
    }
    OpenClTarget target = targets.get(device);
    target.facts().problem().ifPresent(problem -> refuse(device, target, problem));
    OpenClDevice opened = OpenClDevice.open(target, sources);
    return OnFailure.close(
        opened::close,
        () -> {
          OpenClSelfTest.problem(opened).ifPresent(problem -> refuse(device, target, problem));
          return new GpuBackend(opened, threads);
        });
  }

  private static void refuse(int device, OpenClTarget target, String problem) {
    throw new BackendUnavailableException(
        "opencl device %d (%s) can't be used: %s"
            .formatted(device, target.facts().name(), problem));
  }
}
