package io.github.wandacuda.cluster;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** Finds the clusters that are on the class path. */
public final class Clusters {
  /** The name of this process as a cluster. */
  public static final String LOCAL = "local";

  private Clusters() {}

  /**
   * Returns the cluster of a name, not connected yet.
   *
   * @throws UsageException if none has that name
   */
  public static ClusterProvider named(String name) {
    List<ClusterProvider> providers =
        ServiceLoader.load(ClusterProvider.class, Clusters.class.getClassLoader()).stream()
            .map(ServiceLoader.Provider::get)
            .sorted(Comparator.comparing(ClusterProvider::name))
            .toList();
    return providers.stream()
        .filter(provider -> provider.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    ErrorDetails.of("`cluster`")
                        .expected(
                            providers.stream()
                                .map(ClusterProvider::name)
                                .collect(Collectors.joining(" or ")),
                            "'%s'".formatted(Printable.of(name)))));
  }
}
