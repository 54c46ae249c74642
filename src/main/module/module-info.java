/**
 * The library as a module. It is compiled by itself, against the classes in {@code target/classes}, and goes into the
 * library's jar alone: the program's jar holds packages of others, and tests run on the class path.
 */
module io.github.wandacuda {
  exports io.github.wandacuda;
  exports io.github.wandacuda.library;

  // Jackson makes an ErrorDetails of what the tokenizer's process answers.
  opens io.github.wandacuda.error to com.fasterxml.jackson.databind;

  requires com.fasterxml.jackson.core;
  requires com.fasterxml.jackson.databind;
  requires java.logging;
  requires java.management;
  requires java.net.http;
  requires jdk.management;
  requires org.slf4j;
  requires org.snakeyaml.engine;

  // Only where a program adds them: without the Vector API plain Java computes the same, and a device that has no bindings
  // is listed as one that can't be used.
  requires static jdk.incubator.vector;
  requires static jdk.unsupported;
  requires static jcublas;
  requires static jcuda;
  requires static jocl;

  // Parquet, as a text to calibrate or to evaluate by.
  requires static dev.hardwood.core;
  requires static org.apache.commons.compress;
  requires static parquet.format.structures;

  uses io.github.wandacuda.SparseKernels;
  uses io.github.wandacuda.WideningKernels;
  uses io.github.wandacuda.backend.BackendProvider;
  uses io.github.wandacuda.cluster.ClusterProvider;

  // The same as in META-INF/services, which the class path goes by.
  provides io.github.wandacuda.SparseKernels with
      io.github.wandacuda.backend.cpu.CpuSparseKernels;
  provides io.github.wandacuda.WideningKernels with
      io.github.wandacuda.backend.cpu.CpuWidening;
  provides io.github.wandacuda.backend.BackendProvider with
      io.github.wandacuda.backend.cuda.CudaBackendProvider,
      io.github.wandacuda.backend.cpu.CpuBackendProvider,
      io.github.wandacuda.backend.opencl.OpenClBackendProvider;
  provides io.github.wandacuda.cluster.ClusterProvider with
      io.github.wandacuda.cluster.LocalClusterProvider,
      io.github.wandacuda.cluster.SparkClusterProvider;
}
