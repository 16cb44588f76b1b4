#define _GNU_SOURCE
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
// ranks [BYTES ROUNDS]   two ranks, each of which reads the other's memory; then they send a message of so many bytes to and
// fro, and print the seconds that takes.
int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank); MPI_Comm_size(MPI_COMM_WORLD, &size);
  long mine[2] = {getpid(), 0}, theirs[2];
  static int value; value = 100 + rank; mine[1] = (long)&value;
  MPI_Sendrecv(mine, 2, MPI_LONG, 1 - rank, 0, theirs, 2, MPI_LONG, 1 - rank, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  int got = 0; struct iovec l = {&got, sizeof got}, r = {(void *)theirs[1], sizeof got};
  ssize_t n = process_vm_readv(theirs[0], &l, 1, &r, 1, 0);
  if (n < 0) perror("process_vm_readv");
  printf("rank %d of %d read %d\n", rank, size, got); fflush(stdout);
  MPI_Barrier(MPI_COMM_WORLD);
  int bytes = argc > 1 ? atoi(argv[1]) : 1024, rounds = argc > 2 ? atoi(argv[2]) : 10;
  char *buffer = calloc(1, bytes);
  double t = MPI_Wtime();
  for (int i = 0; i < rounds; i++) {
    if (rank == 0) { MPI_Send(buffer, bytes, MPI_CHAR, 1, 1, MPI_COMM_WORLD); MPI_Recv(buffer, bytes, MPI_CHAR, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE); }
    else { MPI_Recv(buffer, bytes, MPI_CHAR, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE); MPI_Send(buffer, bytes, MPI_CHAR, 0, 1, MPI_COMM_WORLD); }
  }
  if (rank == 0 && argc > 2) printf("%.9f\n", MPI_Wtime() - t);
  MPI_Finalize();
}
