package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.backend.gpu.GpuBackend;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.Precision;
import java.util.List;
import java.util.stream.IntStream;
import jcuda.driver.JCudaDriver;

/** Offers NVIDIA's GPUs, which are preferred to all other backends. */
public final class CudaBackendProvider implements BackendProvider {
  private static final String ANY_DEVICE = "NVIDIA GPU";

  /** Creates the provider; for {@link java.util.ServiceLoader}. */
  public CudaBackendProvider() {}

  @Override
  public String name() {
    return CudaDevice.NAME;
  }

  @Override
  public int order() {
    return 0;
  }

  @Override
  public List<DeviceDescription> devices() {
    try {
      return CudaLibrary.problem().map(CudaBackendProvider::none).orElseGet(this::list);
    } catch (RuntimeException | LinkageError e) {
      return none(Printable.firstLine(e));
    }
  }

  private List<DeviceDescription> list() {
    int[] count = new int[1];
    CudaContext.check(JCudaDriver.cuDeviceGetCount(count), CudaDevice.NAME, "cuDeviceGetCount");
    return count[0] == 0
        ? none("the NVIDIA driver shows no device")
        : IntStream.range(0, count[0]).mapToObj(CudaBackendProvider::describe).toList();
  }

  private static DeviceDescription describe(int index) {
    try {
      CudaDeviceInfo info = CudaDeviceInfo.of(index, Integer.MAX_VALUE);
      String problem = info.problem().orElse(null);
      return new DeviceDescription(
          index, info.name(), problem == null, true, problem == null ? summary(info) : problem);
    } catch (BackendUnavailableException e) {
      return new DeviceDescription(index, ANY_DEVICE, false, true, e.getMessage());
    }
  }

  private static String summary(CudaDeviceInfo info) {
    return "%s, driver for CUDA %s, %s"
        .formatted(info.summary(), CudaLibrary.versionText(CudaLibrary.version()), Cublas.linear());
  }

  private static List<DeviceDescription> none(String reason) {
    return List.of(new DeviceDescription(0, ANY_DEVICE, false, true, reason));
  }

  @Override
  public Backend open(int device, int threads, Precision precision) {
    return new GpuBackend(CudaDevice.open(device, precision), threads);
  }
}
