package io.github.wandacuda.cluster;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/** Finds the clusters that are on the class path. */
public final class Clusters {
  /** The name of this process as a cluster. */
  public static final String LOCAL = "local";

  private Clusters() {}

  /**
   * Finds a cluster by its name.
   *
   * @return the provider; nothing is connected yet
   * @throws io.github.wandacuda.error.UsageException if there is none of this name
   */
  public static ClusterProvider named(String name) {
    return providers()
        .filter(provider -> provider.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                ErrorDetails.of("`cluster`")
                    .refused(String.join(" or ", names()), "'%s'".formatted(Printable.of(name))));
  }

  /** Returns the names of all clusters on the class path. */
  public static List<String> names() {
    return providers().map(ClusterProvider::name).toList();
  }

  private static Stream<ClusterProvider> providers() {
    return ServiceLoader.load(ClusterProvider.class, Clusters.class.getClassLoader()).stream()
        .map(ServiceLoader.Provider::get)
        .sorted(Comparator.comparing(ClusterProvider::name));
  }
}
