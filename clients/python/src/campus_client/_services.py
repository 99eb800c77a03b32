"""The kinds of records and the names of the services."""

from __future__ import annotations

from ._kinds import Kind
from .pb.campus.employee.v1 import employee_pb2 as employee_v1
from .pb.campus.student.v1 import student_pb2 as student_v1
from .pb.personguide import personguide_pb2 as personguide

EMPLOYEE: Kind[
    employee_v1.Employee,
    employee_v1.WatchEmployeesResponse,
    employee_v1.ImportEmployeesResponse,
    employee_v1.LookupEmployeesResponse,
] = Kind(employee_v1, "Employee")
STUDENT: Kind[
    student_v1.Student,
    student_v1.WatchStudentsResponse,
    student_v1.ImportStudentsResponse,
    student_v1.LookupStudentsResponse,
] = Kind(student_v1, "Student")

EMPLOYEES = employee_v1.DESCRIPTOR.services_by_name["EmployeeService"].full_name
STUDENTS = student_v1.DESCRIPTOR.services_by_name["StudentService"].full_name
PEOPLE = personguide.DESCRIPTOR.services_by_name["PersonGuide"].full_name
